import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readMailSettings } from '../../src/examples/mail/mail-settings.js';
import { sendBulkEmailWith } from '../../src/examples/mail/send-bulk-email.js';
import { shopTemplates } from '../../src/examples/mail/templates.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { until } from '../until.js';
import { mailSinks, type MailSink } from './mail-sink.js';

const makeSink = mailSinks();
let env: NodeJS.ProcessEnv;
let manager: TaskManager;
const task = sendBulkEmailWith({
  settings: () => readMailSettings(env),
  templates: shopTemplates,
  retry: { maxAttempts: 3, initialDelayMs: 1 },
  serverRetry: { maxAttempts: 2, initialDelayMs: 1 },
});

beforeEach(() => {
  env = {};
  manager = new TaskManager({ tasks: [task] });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
});

function start(sink: MailSink, count: number) {
  env = { SMTP_URL: sink.url, MAIL_FROM: 'shop@example.com' };
  const recipients = Array.from({ length: count }, (_, index) => {
    return { to: `p${index}@example.com`, values: { name: `P${index}` } };
  });
  return manager.start(task, { template: 'welcome', recipients });
}

describe('send-bulk-email', () => {
  it('sends everybody a mail of their own, over five connections at most', async () => {
    const sink = await makeSink();
    const run = await start(sink, 60);
    expect(await run.result()).toMatchObject({ total: 60, sent: 60, failed: 0, unsent: 0 });
    expect(await run.snapshot()).toMatchObject({ progress: { done: 60, total: 60, note: null } });
    const sent = sink.taken.map(({ to: [to = ''], raw }) => `${to} ${/^Subject: .*, (\w+)/m.exec(raw)?.[1] ?? ''}`);
    expect(sent.sort()).toEqual(Array.from({ length: 60 }, (_, n) => `p${n}@example.com P${n}`).sort());
    expect(new Set(sink.taken.map(({ raw }) => /^Message-ID: (.*)/im.exec(raw)?.[1])).size).toBe(60);
    expect(sink.connections.atOnce).toBeGreaterThan(1);
    expect(sink.connections.all).toBeLessThanOrEqual(5);
  });

  it('goes on past recipients that are refused, and says what became of each', async () => {
    const asked = new Map<string, number>();
    const sink = await makeSink({
      recipient: (address) => {
        asked.set(address, (asked.get(address) ?? 0) + 1);
        if (address === 'p1@example.com') return '550 5.1.1 no such user on db7.internal';
        if (address === 'p2@example.com') return '450 4.2.0 mailbox busy';
        return address === 'p3@example.com' && asked.get(address) === 1 ? '451 greylisted' : undefined;
      },
    });
    const run = await start(sink, 5);
    expect(await run.result()).toEqual({
      ...{ total: 5, sent: 3, failed: 2, unsent: 0 },
      outcomes: [
        { to: 'p0@example.com', status: 'sent' },
        {
          to: 'p1@example.com',
          status: 'failed',
          error: 'The mail server refused the recipient: 550 5.1.1',
        },
        {
          to: 'p2@example.com',
          status: 'failed',
          error: 'The mail server refused the recipient: 450 4.2.0',
        },
        { to: 'p3@example.com', status: 'sent' },
        { to: 'p4@example.com', status: 'sent' },
      ],
    });
    expect(await run.snapshot()).toMatchObject({ status: 'completed', attempt: 1, progress: { done: 5, total: 5 } });
  });

  it('stops when it is cancelled, and says whose turn it never was', async () => {
    let held = 0;
    const never = new Promise<undefined>(() => undefined);
    const sink = await makeSink({
      mail: ({ to: [to] }) => (to === 'p0@example.com' ? undefined : ((held += 1), never)),
    });
    const run = await start(sink, 40);
    await until(() => held === 5 && sink.taken.length === 1);
    await run.cancel();
    expect(await run.settled()).toMatchObject({
      status: 'cancelled',
      abandoned: false,
      result: { total: 40, sent: 1, failed: 0, unsent: 39, outcomes: expect.any(Array) },
    });
  });

  /** A mail server that goes away when it has taken so many. */
  async function leavingSink(count: number, onLeave = (): unknown => undefined): Promise<MailSink> {
    const sink: MailSink = await makeSink({
      mail: () => {
        if (sink.taken.length !== count) return undefined;
        onLeave();
        void sink.close();
        return undefined;
      },
    });
    return sink;
  }

  it('goes on with those who have not had it when the mail server was away', async () => {
    const second = await makeSink();
    const first = await leavingSink(10, () => (env = { ...env, SMTP_URL: second.url }));
    const run = await start(first, 100);
    expect(await run.result()).toMatchObject({ total: 100, sent: 100 });
    expect(await run.snapshot()).toMatchObject({ attempt: 2 });
    const got = [...first.taken, ...second.taken].flatMap(({ to }) => to);
    expect(second.taken.length).toBeLessThanOrEqual(90);
    expect(new Set(got).size).toBe(100);
    expect(got.length).toBeLessThanOrEqual(105); // those on their way when it went
  });

  it('says who was sent the mail where the mail server stays away', async () => {
    const run = await start(await leavingSink(10), 200);
    const result = await run.result();
    expect(result).toMatchObject({ total: 200, failed: 0 });
    expect(result.sent).toBeGreaterThanOrEqual(10);
    expect(result.unsent).toBe(200 - result.sent);
  });

  it('fails where nobody could be sent anything, and does not ask the server two thousand times', async () => {
    const sink = await makeSink({ login: { user: 'ada', password: 's3cret' } });
    const run = await start({ ...sink, url: sink.url.replace('//', '//ada:wr0ng@') }, 200);
    const ended = await run.settled();
    expect(ended).toMatchObject({ status: 'failed' });
    expect(await run.result().catch(String)).toContain('does not accept the user and password of SMTP_URL');
    expect(sink.connections.all).toBeLessThanOrEqual(10);
    await sink.close();
  });

  it('says what to set where there is no mail server', async () => {
    const run = await manager.start(task, {
      template: 'welcome',
      recipients: [{ to: 'a@b.test', values: { name: 'A' } }],
    });
    expect(await run.result().catch(String)).toContain('SMTP_URL is not set');
  });

  const ada = { to: 'ada@example.com', values: { name: 'Ada' } };
  it.each([
    [[], '/recipients '],
    [Array.from({ length: 2_001 }, (_, n) => ({ ...ada, to: `a${n}@b.test` })), '/recipients '],
    [[ada, { ...ada, to: 'ADA@example.com' }], '/recipients/1/to Stands there twice'],
    [[ada, { to: 'b@x.test\r\nBcc: e@x.test', values: { name: 'B' } }], '/recipients/1/to Expected one address'],
    [[ada, { to: 'b@x.test' }], '/recipients/1/values/name The template needs this value'],
    [[{ ...ada, cc: 'b@x.test' }], '/recipients/0'],
  ])('refuses recipients such as %j', async (recipients, message) => {
    const started = manager.startNamed('send-bulk-email', { template: 'welcome', recipients });
    await expect(started).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining(message) });
  });
});
