import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { callWebhookWith, type WebhookRequest } from '../../src/examples/webhooks/call-webhook.js';
import { isPublicAddress } from '../../src/examples/webhooks/public-address.js';
import { retryAfterMs } from '../../src/examples/webhooks/retry-after.js';
import type { FindAddresses } from '../../src/examples/webhooks/webhook-guard.js';
import { readWebhookSettings } from '../../src/examples/webhooks/webhook-settings.js';
import { createTestManager } from '../../src/testing/test-manager.js';
import { until } from '../until.js';

interface Call {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Answer = (res: ServerResponse, call: number) => unknown;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A real receiver on a free port. */
async function receiver(answer: Answer = (res) => res.writeHead(204).end()) {
  const calls: Call[] = [];
  const listener = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    calls.push({ headers: req.headers as Record<string, string>, body: await text(req) });
    answer(res, calls.length);
  };
  const server = createServer((req, res) => void listener(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { port, host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}/hook`, calls };
}

const secretOf = (letter: string): string => `whsec_${Buffer.from(letter.repeat(32)).toString('base64')}`;
const EVENT = { type: 'order.paid', timestamp: '2026-01-01T00:00:00Z', data: { order: 7, total: '14.50' } };

function tester(env: NodeJS.ProcessEnv, findAddresses?: FindAddresses) {
  const clock = { now: (): number => Date.now() };
  const settings = () => readWebhookSettings(env);
  const task = callWebhookWith({ settings, now: () => clock.now(), ...(findAddresses && { findAddresses }) });
  const test = createTestManager({ tasks: [task], now: Date.now() });
  clock.now = () => test.clock.now();
  const call = (url: string, more: Partial<WebhookRequest> = {}) =>
    test.manager.start(task, { url, ...EVENT, ...more });
  return { test, call };
}

const ALLOW = { ERRAND_WEBHOOK_ALLOW: '127.0.0.1' };

describe('call-webhook', () => {
  it('signs what it sends, as others verify it', async () => {
    const { host, url, calls } = await receiver();
    const { test, call } = tester({
      ...ALLOW,
      WEBHOOK_SECRETS: `other.test=${secretOf('a')} ${host}=${secretOf('b')}`,
    });
    const run = await call(url);
    expect(await run.result()).toEqual({ id: expect.stringMatching(/^msg_[\w-]{32}$/), status: 204 });
    const [{ body, headers } = { body: '', headers: {} }] = calls;
    expect(new Webhook(secretOf('b')).verify(body, headers)).toEqual(EVENT);
    expect(() => new Webhook(secretOf('a')).verify(body, headers)).toThrow('No matching signature found');
    await test.close();
  });

  it('signs with both secrets while one takes the place of the other', async () => {
    const { host, url, calls } = await receiver();
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `${host}=${secretOf('a')} ${host}=${secretOf('b')}` });
    await (await call(url)).result();
    const [{ body, headers } = { body: '', headers: {} }] = calls;
    for (const letter of ['a', 'b']) expect(new Webhook(secretOf(letter)).verify(body, headers)).toEqual(EVENT);
    await test.close();
  });

  it('calls again after trouble that passes, with the same id and a new time', async () => {
    const { host, url, calls } = await receiver((res, call) =>
      res.writeHead([500, 429, 408, 200][call - 1] ?? 200).end(),
    );
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `${host}=${secretOf('a')}` });
    const run = await call(url);
    await test.settleAll();
    expect(await run.settled()).toMatchObject({ status: 'completed', attempt: 4, result: { status: 200 } });
    expect(new Set(calls.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(calls.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(4);
    await test.close();
  });

  it.each([400, 401, 404, 410, 422])('gives up at once after %d', async (status) => {
    const { host, url } = await receiver((res) => res.writeHead(status).end());
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `${host}=${secretOf('a')}` });
    const ended = await (await call(url)).settled();
    expect(ended).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { message: `The receiver answered ${status}` },
    });
    await test.close();
  });

  it('waits as long as Retry-After says, which uses up no attempt', async () => {
    const { host, url, calls } = await receiver((res, call) =>
      res.writeHead(call === 1 ? 503 : 204, call === 1 ? { 'retry-after': '120' } : {}).end(),
    );
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `${host}=${secretOf('a')}` });
    const run = await call(url);
    await test.advance(119_000);
    expect(calls).toHaveLength(1);
    await test.advance(1_001);
    expect(await run.settled()).toMatchObject({ status: 'completed', attempt: 1 });
    expect(calls).toHaveLength(2);
    await test.close();
  });

  it('follows no redirect', async () => {
    const inner = await receiver();
    const { host, url } = await receiver((res) => res.writeHead(307, { location: inner.url }).end());
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `${host}=${secretOf('a')}` });
    const ended = await (await call(url)).settled();
    expect(ended.error?.message).toBe('The receiver answered 307; redirects are not followed');
    expect(inner.calls).toEqual([]);
    await test.close();
  });

  it('waits for no body that never ends', async () => {
    const { host, url } = await receiver((res) => res.writeHead(200).write('a'));
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `${host}=${secretOf('a')}` });
    expect(await (await call(url)).result()).toMatchObject({ status: 200 });
    await test.close();
  });

  it('ends the call when it is cancelled, or takes too long', async () => {
    const { host, url, calls } = await receiver(() => undefined);
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `${host}=${secretOf('a')}` });
    const run = await call(url);
    await until(() => calls.length === 1);
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false });
    const slow = await call(url);
    await until(() => calls.length === 2);
    await test.advance(25_000);
    expect(await slow.snapshot()).toMatchObject({ status: 'retrying', failures: [{ code: 'TIME_LIMIT' }] });
    await slow.cancel();
    await test.close();
  });

  it('calls again while the receiver cannot be reached', async () => {
    const { host, url } = await receiver((res) => res.destroy());
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `${host}=${secretOf('a')}` });
    const run = await call(url);
    await until(async () => (await run.snapshot())?.status === 'retrying');
    expect((await run.snapshot())?.failures).toMatchObject([
      { message: expect.stringMatching(/^The receiver cannot be reached: \w+$/) },
    ]);
    await run.cancel();
    await test.close();
  });

  it.each([
    [{}, 'There is no secret to sign calls of 127.0.0.1'],
    [{ WEBHOOK_SECRETS: 'a.test=whsec_c2VjcmV0' }, 'entry 1 of WEBHOOK_SECRETS is not of the form'],
    [{ WEBHOOK_SECRETS: 'whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0' }, 'entry 1 of WEBHOOK_SECRETS is not of the form'],
    [{ ERRAND_WEBHOOK_ALLOW: 'localhost' }, 'ERRAND_WEBHOOK_ALLOW must be IP addresses'],
    [{ ERRAND_WEBHOOK_ALLOW: '127.0.0.0/8' }, 'ERRAND_WEBHOOK_ALLOW must be IP addresses'],
  ])('says what to set with %j, and nothing of what was set', async (env, message) => {
    const { url } = await receiver();
    const { test, call } = tester({ ...ALLOW, ...env });
    const ended = await (await call(url)).settled();
    expect(ended).toMatchObject({ status: 'failed', attempt: 1 });
    expect(ended.error?.message).toContain(message);
    expect(ended.error?.message).not.toContain('c2VjcmV0');
    await test.close();
  });

  it.each([
    { url: 'ftp://hooks.example.com/' },
    { url: 'file:///etc/hosts' },
    { url: 'http://user:secret@hooks.example.com/' },
    { url: 'hooks.example.com' },
    { type: 'order paid' },
    { timestamp: 'yesterday' },
    { secret: 'whsec_x' },
    { data: [] },
  ])('refuses %j', async (change) => {
    const { test } = tester({});
    const started = test.manager.startNamed('call-webhook', { url: 'https://hooks.example.com/', ...EVENT, ...change });
    await expect(started).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await test.close();
  });
});

describe('the guard of webhooks', () => {
  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://127.1./',
    'http://0/',
    'http://[::1]/',
    'http://[::]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::7f00:1]/',
    'http://169.254.169.254/latest/meta-data',
    'http://10.1.2.3/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://localhost/',
    'http://8.8.8.8:25/',
    'http://8.8.8.8:6379/',
  ])('refuses %s', async (url) => {
    const { test, call } = tester({ WEBHOOK_SECRETS: `${new URL(url).host}=${secretOf('a')}` });
    const ended = await (await call(url)).settled();
    expect(ended).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'NON_RETRYABLE' } });
    expect(ended.error?.message).toMatch(/^The URL is refused: webhooks go to public addresses only, on port/);
    await test.close();
  });

  const find = (...addresses: string[]): FindAddresses & { asked: number } =>
    Object.assign(
      ((_name, _options, done) => {
        finder.asked += 1;
        done(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        );
      }) as FindAddresses,
      { asked: 0 },
    );
  let finder = find();

  it.each([[['127.0.0.1']], [['8.8.8.8', '127.0.0.1']], [['::ffff:127.0.0.1']], [['fe80::1%lo']]])(
    'refuses a name that leads to %j, and calls nobody',
    async (addresses) => {
      const { port, calls } = await receiver();
      finder = find(...addresses);
      const { test, call } = tester({ WEBHOOK_SECRETS: `hooks.test:${port}=${secretOf('a')}` }, finder);
      const ended = await (await call(`http://hooks.test:${port}/`)).settled();
      expect(ended.error?.message).toMatch(/^The URL is refused/);
      expect(calls).toEqual([]);
      await test.close();
    },
  );

  it('refuses a name of which one address may be called and another may not', async () => {
    const { port, calls } = await receiver();
    finder = find('127.0.0.1', '127.0.0.2');
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `hooks.test:${port}=${secretOf('a')}` }, finder);
    const ended = await (await call(`http://hooks.test:${port}/`)).settled();
    expect(ended.error?.message).toMatch(/^The URL is refused/);
    expect(calls).toEqual([]);
    await test.close();
  });

  it('connects to the very address that it has checked', async () => {
    const { port, calls } = await receiver();
    finder = find('127.0.0.1');
    const { test, call } = tester({ ...ALLOW, WEBHOOK_SECRETS: `hooks.test:${port}=${secretOf('a')}` }, finder);
    await (await call(`http://hooks.test:${port}/`)).result();
    expect(finder.asked).toBe(1);
    expect(calls).toMatchObject([{ headers: { host: `hooks.test:${port}` } }]);
    await test.close();
  });

  it.each(['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.0', '223.255.255.255', '2606:4700::1111', '2a00:1450::1'])(
    'takes %s for public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.255.255.255', '169.254.1.1', '172.16.0.1', '172.31.255.255'],
    ...['192.0.0.8', '192.0.2.1', '192.168.1.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '240.0.0.1'],
    ...['255.255.255.255', '::', '::1', '::7f00:1', '::ffff:8.8.8.8', '64:ff9b::808:808', '64:ff9b:1::1', '100::1'],
    ...['2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '5f00::1', 'fc00::1', 'fe80::1', 'fec0::1', 'ff02::1'],
    ...['2606:4700::1%eth0', 'localhost', ''],
  ])('does not take %s for public', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['120', 120_000],
    ['0', 1_000],
    [' 5 ', 5_000],
    ['99999999999999999999', 3_600_000],
    ['Thu, 01 Jan 2026 00:10:00 GMT', 600_000],
    ['Thursday, 01-Jan-26 00:10:00 GMT', 600_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 1_000],
    ['Fri, 01 Jan 2027 00:00:00 GMT', 3_600_000],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['2026-01-01', undefined],
    [null, undefined],
  ])('of %j is %j ms', (header, ms) => expect(retryAfterMs(header, now)).toBe(ms));
});
