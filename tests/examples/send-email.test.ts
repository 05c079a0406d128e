import { describe, expect, it } from '@jest/globals';
import { readMailSettings } from '../../src/examples/mail/mail-settings.js';
import { sendEmailWith } from '../../src/examples/mail/send-email.js';
import { shopTemplates } from '../../src/examples/mail/templates.js';
import { createTestManager } from '../../src/testing/test-manager.js';
import { until } from '../until.js';
import { mailSinks } from './mail-sink.js';

const makeSink = mailSinks();
const WELCOME = { to: 'ada@example.com', template: 'welcome', values: { name: 'Ada' } };

function tester(env: NodeJS.ProcessEnv) {
  const task = sendEmailWith({ settings: () => readMailSettings(env), templates: shopTemplates });
  const test = createTestManager({ tasks: [task] });
  return { task, test, manager: test.manager };
}

describe('send-email', () => {
  it('sends what the template makes of the values to one recipient', async () => {
    const sink = await makeSink();
    const { task, test, manager } = tester({ SMTP_URL: sink.url, MAIL_FROM: 'shop@example.com' });
    const values = { name: '<b>{{name}}</b> & $& Co' };
    const run = await manager.start(task, { ...WELCOME, values });
    expect(await run.result()).toEqual({ to: 'ada@example.com' });
    expect(sink.taken).toMatchObject([{ from: 'shop@example.com', to: ['ada@example.com'] }]);
    const raw = sink.taken[0]?.raw ?? '';
    expect(raw).toContain('Subject: Welcome to Tidemark Goods, <b>{{name}}</b> & $& Co');
    expect(raw).toContain('Hello <b>{{name}}</b> & $& Co,');
    expect(raw).toContain('<p>Hello &lt;b&gt;{{name}}&lt;/b&gt; &amp; $&amp; Co,</p>');
    await test.close();
  });

  it('is tried again after 4xx, each time with the same Message-ID', async () => {
    const seen: string[] = [];
    const sink = await makeSink({
      mail: ({ raw }) => {
        seen.push(/^Message-ID: (.*)$/im.exec(raw)?.[1] ?? '');
        return seen.length < 3 ? '451 4.7.1 greylisted, db7.internal says' : undefined;
      },
    });
    const { task, test, manager } = tester({ SMTP_URL: sink.url });
    const run = await manager.start(task, WELCOME, { idempotencyKey: 'order-7<x@y>' });
    await test.settleAll();
    expect(await run.settled()).toMatchObject({ status: 'completed', attempt: 3 });
    expect((await run.snapshot())?.failures).toMatchObject([
      { message: 'The mail server refused the mail: 451 4.7.1' },
      { attempt: 2 },
    ]);
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).toMatch(/^<[\w-]{32}@localhost>\r?$/);
    await test.close();
  });

  it('fails at once after 5xx, and passes on the codes but not the text', async () => {
    const sink = await makeSink({ recipient: () => '550 5.1.1 no such user on db7.internal' });
    const { task, test, manager } = tester({ SMTP_URL: sink.url });
    const run = await manager.start(task, WELCOME);
    const ended = await run.settled();
    expect(ended).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'NON_RETRYABLE' } });
    expect(ended.error?.message).toBe('The mail server refused the recipient: 550 5.1.1');
    await test.close();
  });

  it('is tried again while the mail server cannot be reached', async () => {
    const sink = await makeSink();
    await sink.close();
    const { task, test, manager } = tester({ SMTP_URL: sink.url });
    const run = await manager.start(task, WELCOME);
    await test.settleAll();
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      attempt: 5,
      error: { message: 'The mail server cannot be reached: ESOCKET' },
    });
    await test.close();
  });

  it('logs in, and shows neither user nor password where that fails', async () => {
    const sink = await makeSink({ login: { user: 'ada', password: 's3cret' } });
    const url = (password: string) => sink.url.replace('//', `//ada:${password}@`);
    const right = tester({ SMTP_URL: url('s3cret') });
    await (await right.manager.start(right.task, WELCOME)).result();
    expect(sink.taken).toHaveLength(1);
    await right.test.close();
    const wrong = tester({ SMTP_URL: url('wr0ng') });
    const run = await wrong.manager.start(wrong.task, WELCOME);
    const ended = await run.settled();
    expect(ended).toMatchObject({ status: 'failed', attempt: 1 });
    expect(JSON.stringify(ended)).not.toMatch(/wr0ng|"ada"/);
    expect(await run.result().catch(String)).toContain('does not accept the user and password of SMTP_URL');
    await wrong.test.close();
  });

  it('ends its connection when it is cancelled while the server lets it wait', async () => {
    let held = 0;
    const never = new Promise<undefined>(() => undefined);
    const sink = await makeSink({ mail: () => ((held += 1), never) });
    const { task, test, manager } = tester({ SMTP_URL: sink.url });
    const run = await manager.start(task, WELCOME);
    await until(() => held === 1);
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false });
    await test.close();
  });

  it.each([
    [{}, 'Mails cannot be sent: SMTP_URL is not set. Start the server with SMTP_URL=smtp://'],
    [{ SMTP_URL: 'http://ada:s3cret@mail.test' }, 'SMTP_URL is no URL of a mail server'],
    [{ SMTP_URL: 'ada:s3cret' }, 'SMTP_URL is no URL of a mail server'],
    [{ SMTP_URL: 'smtp://mail.test', MAIL_FROM: 'Shop <s3cret@mail.test>' }, 'MAIL_FROM must be one address'],
  ])('says what to set with %j, and nothing of what was set', async (env, message) => {
    const { task, test, manager } = tester(env);
    const ended = await (await manager.start(task, WELCOME)).settled();
    expect(ended).toMatchObject({ status: 'failed', attempt: 1 });
    expect(ended.error?.message).toContain(message);
    expect(JSON.stringify(ended)).not.toContain('s3cret');
    await test.close();
  });

  it.each([
    'b@x.test\r\nBcc: e@x.test',
    'b@x.test\n',
    'b@x.test, c@x.test',
    'b@x.test;c@x.test',
    'B <b@x.test>',
    '"b c"@x.test',
    'b@x.test (c)',
    'undisclosed:b@x.test;',
    'b@x..test',
    'b@[127.0.0.1]',
    'b@-x.test',
    '@x.test',
    'b',
    '',
    `${'b'.repeat(65)}@x.test`,
    `b@${'x.'.repeat(130)}test`,
    'b\u0000@x.test',
    'bü@x.test',
  ])('refuses %j as a recipient', async (to) => {
    const { test, manager } = tester({});
    await expect(manager.startNamed('send-email', { ...WELCOME, to })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await test.close();
  });

  it.each([
    [{ values: {} }, '/values/name The template needs this value'],
    [{ values: { name: 'Ada\r\nBcc: e@x.test' } }, '/values/name Stands in the subject'],
    [{ values: { name: 'Ada\u2028' } }, '/values/name Stands in the subject'],
    [{ values: { name: 'Ada', more: 'x' } }, '/values/more The template has no place'],
    [{ template: 'newsletter', values: { name: 'A', headline: 'B', story: '\u0000' } }, '/values/story Must not hold'],
    [{ template: 'toString' }, '/template '],
    [{ from: 'boss@example.com' }, 'from'],
    [{ password: 'x' }, 'password'],
  ])('refuses %j', async (change, message) => {
    const { test, manager } = tester({});
    const started = manager.startNamed('send-email', { ...WELCOME, ...change });
    await expect(started).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining(message) });
    await test.close();
  });
});
