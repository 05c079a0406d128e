import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineTask } from 'errand';
import { createTestManager, type TestManager } from 'errand/testing';

/*
 * The tests of a made-up application: a shop that sends a newsletter. `sendIssue` starts an e-mail for each subscriber;
 * the mail server takes ten of them a second and is down now and then.
 */

interface Mail {
  readonly to: string;
  readonly issue: number;
}

/** What stands for the mail server: it keeps what it was sent, and fails as often as a test says. */
class Mailbox {
  readonly sent: string[] = [];
  failures = 0;

  send({ to, issue }: Mail): void {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the mail server is down');
    }
    this.sent.push(`${to} #${issue}`);
  }
}

/** The application's own code. */
function newsletter(mailbox: Mailbox) {
  const sendMail = defineTask({
    name: 'send-mail',
    retry: { maxAttempts: 3, initialDelayMs: 60_000, maxDelayMs: 300_000, factor: 2, jitter: 'none' },
    limits: { rate: { count: 10, perMs: 1_000 }, hardLimitMs: 30_000 },
    handler: (mail: Mail) => mailbox.send(mail),
  });
  const countClicks = defineTask({
    name: 'count-clicks',
    handler: async (since: Date, ctx) => {
      for (let page = 1; page <= 3; page += 1) {
        ctx.signal.throwIfAborted();
        ctx.progress(page, 3);
        await Promise.resolve();
      }
      return { since, countedTo: new Date(since.getTime() + 86_400_000) };
    },
  });
  return { sendMail, countClicks, tasks: [sendMail, countClicks] };
}

let test: TestManager;
let mailbox: Mailbox;
let app: ReturnType<typeof newsletter>;

beforeEach(() => {
  mailbox = new Mailbox();
  app = newsletter(mailbox);
  test = createTestManager({ tasks: app.tasks });
});

// Fails the test that has left a run, a handler or a timer behind.
afterEach(() => test.close());

describe('the newsletter', () => {
  it('is sent to everybody, ten a second', async () => {
    const begunAt = test.clock.now();
    for (let n = 0; n < 25; n += 1) await test.manager.start(app.sendMail, { to: `reader-${n}`, issue: 7 });
    await test.advance(0);
    expect(mailbox.sent).toHaveLength(10);
    await test.settleAll();
    expect(mailbox.sent).toHaveLength(25);
    expect(test.clock.now() - begunAt).toBe(2_000);
  });

  it('is tried again after one minute and after two, while the mail server is down', async () => {
    mailbox.failures = 2;
    const run = await test.manager.start(app.sendMail, { to: 'ada', issue: 7 });
    await test.advance(59_999);
    expect(await run.snapshot()).toMatchObject({ status: 'retrying', attempt: 1 });
    await test.settleAll();
    expect(await run.settled()).toMatchObject({ status: 'completed', attempt: 3 });
    expect(test.clock.monotonic()).toBe(60_000 + 120_000);
  });

  it('ends as a dead letter when the mail server stays down, and can be sent again', async () => {
    mailbox.failures = 3;
    const run = await test.manager.start(app.sendMail, { to: 'ada', issue: 7 });
    await test.settleAll();
    await expect(run.result()).rejects.toMatchObject({ code: 'HANDLER_FAILED' });
    await test.manager.redrive(run.id);
    await test.settleAll();
    expect(mailbox.sent).toEqual(['ada #7']);
  });

  it('goes out tomorrow at eight, unless it is called back', async () => {
    const delayMs = Date.parse('2026-01-02T08:00:00Z') - test.clock.now();
    const kept = await test.manager.start(app.sendMail, { to: 'ada', issue: 8 }, { delayMs });
    const calledBack = await test.manager.start(app.sendMail, { to: 'bob', issue: 8 }, { delayMs });
    await calledBack.cancel('a typo');
    await test.settleAll();
    expect((await kept.settled()).startedAt).toBe(Date.parse('2026-01-02T08:00:00Z'));
    expect(mailbox.sent).toEqual(['ada #8']);
  });

  it('is sent to nobody twice, however often the button is pressed', async () => {
    const press = () => test.manager.start(app.sendMail, { to: 'ada', issue: 7 }, { idempotencyKey: 'issue-7:ada' });
    const [first, second] = [await press(), await press()];
    expect([second.id, second.replayed]).toEqual([first.id, true]);
    await test.settleAll();
    expect(mailbox.sent).toEqual(['ada #7']);
  });

  it('stops half-way when it is cancelled', async () => {
    const pages: number[] = [];
    const run = await test.manager.start('send-issue', async (ctx) => {
      for (let page = 1; page <= 100; page += 1) {
        ctx.signal.throwIfAborted();
        pages.push(page);
        if (page === 40) await test.manager.cancel('send-issue', 'wrong issue');
      }
    });
    await test.settleAll();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', cancelReason: 'wrong issue' });
    expect(pages).toHaveLength(40);
  });

  it('counts its clicks from a date to a date, as it will when runs are kept in a file', async () => {
    const since = new Date('2026-01-01T00:00:00Z');
    const run = await test.manager.start(app.countClicks, since);
    await test.settleAll();
    expect(await run.result()).toEqual({ since, countedTo: new Date('2026-01-02T00:00:00Z') });
  });
});

describe('the newsletter, step by step', () => {
  it('goes to subscribers who pay before all others', async () => {
    await using steps = createTestManager({ tasks: app.tasks, mode: 'step' });
    await steps.manager.start(app.sendMail, { to: 'guest', issue: 7 });
    await steps.manager.start(app.sendMail, { to: 'patron', issue: 7 }, { priority: 10 });
    expect(await steps.runNext()).toMatchObject({ status: 'completed', priority: 10 });
    expect(mailbox.sent).toEqual(['patron #7']);
    await steps.runAll();
    expect(mailbox.sent).toEqual(['patron #7', 'guest #7']);
  });
});
