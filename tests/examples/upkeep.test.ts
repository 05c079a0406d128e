import { describe, expect, it } from '@jest/globals';
import { diskHasRoom, heapHasRoom, mailServerAnswers } from '../../src/examples/upkeep/checks.js';
import { cleanUpExpiredIn } from '../../src/examples/upkeep/clean-up-expired.js';
import { dailyReportOf } from '../../src/examples/upkeep/daily-report.js';
import { type Check, healthCheckOf } from '../../src/examples/upkeep/health-check.js';
import { upkeepSchedules } from '../../src/examples/upkeep/schedules.js';
import { UserStore } from '../../src/examples/users/user-store.js';
import { createTestManager } from '../../src/testing/test-manager.js';
import { until } from '../until.js';
import { mailSinks } from './mail-sink.js';

const makeSink = mailSinks();
const MIDNIGHT = Date.parse('2026-03-27T23:00:00Z'); // in Berlin, before the night in which clocks are put forward
const HOUR_MS = 3_600_000;

async function shop(checks: Readonly<Record<string, Check>> = { nothing: () => 'fine' }) {
  const users = new UserStore();
  const clock = { now: (): number => MIDNIGHT };
  const now = (): number => clock.now();
  const cleanUpExpired = cleanUpExpiredIn(users, now);
  const dailyReport = dailyReportOf(users, now);
  const healthCheck = healthCheckOf(checks);
  const tasks = [cleanUpExpired, dailyReport, healthCheck];
  const test = createTestManager({ tasks, now: MIDNIGHT, retention: { keepResultMs: 7 * 24 * HOUR_MS } });
  clock.now = () => test.clock.now();
  const schedules = upkeepSchedules({ cleanUpExpired, healthCheck, dailyReport });
  for (const [id, definition] of Object.entries(schedules)) await test.manager.schedules.put(id, definition);
  const ended = async (task: string) => (await test.manager.list({ task, limit: 200 })).items;
  return { users, test, healthCheck, manager: test.manager, ended };
}

describe('the schedules of upkeep', () => {
  it('clean sessions up that have expired, every ten minutes', async () => {
    const { users, test, ended } = await shop();
    users.register({ name: 'Ada', email: 'ada@example.com' }, MIDNIGHT);
    users.register({ name: 'Bob', email: 'bob@example.com' }, MIDNIGHT + 1);
    await test.advance(HOUR_MS - 1);
    expect((await ended('clean-up-expired')).map(({ result }) => result)).toEqual(Array(5).fill({ removed: 0 }));
    await test.advance(1);
    expect(users.sessions).toBe(1);
    await test.advance(600_000);
    expect((await ended('clean-up-expired')).slice(0, 2)).toMatchObject([
      { id: 'clean-up-expired@20260328T001000Z', result: { removed: 1 } },
      { result: { removed: 1 } },
    ]);
    expect(users.size).toBe(2);
    await test.close();
  });

  it('report every morning at six in Berlin what happened the day before, also when clocks are changed', async () => {
    const { users, test, ended } = await shop();
    users.register({ name: 'Ada', email: 'ada@example.com' }, MIDNIGHT);
    users.register({ name: 'Bob', email: 'bob@example.com' }, MIDNIGHT + 2 * HOUR_MS);
    await test.advance(48 * HOUR_MS);
    expect(await ended('daily-report')).toMatchObject([
      { id: 'daily-report@20260329T040000Z', result: { day: '2026-03-28', registered: 1, users: 2 } },
      { id: 'daily-report@20260328T050000Z', result: { day: '2026-03-27', registered: 1, users: 2 } },
    ]);
    await test.close();
  });

  it('check every five minutes, and leave what is not well among the dead letters', async () => {
    let well = true;
    const disk = (): string => {
      if (!well) throw new Error('2 MiB free, 100 are needed');
      return '4000 MiB free';
    };
    const { test, ended } = await shop({ disk, mail: () => 'not set up' });
    await test.advance(300_000);
    well = false;
    await test.advance(300_000);
    expect(await ended('health-check')).toMatchObject([
      { status: 'failed', error: { message: 'Not well: disk (2 MiB free, 100 are needed)' } },
      { status: 'completed', result: { disk: '4000 MiB free', mail: 'not set up' } },
    ]);
    await test.close();
  });
});

describe('the checks', () => {
  it('find a disk and a heap that have room, and nothing to say of a mail server that is not set up', async () => {
    const { manager, test, healthCheck } = await shop({
      ...{ disk: diskHasRoom('.', 1), heap: heapHasRoom() },
      mail: mailServerAnswers({}),
    });
    expect(await (await manager.start(healthCheck)).result()).toEqual({
      disk: expect.stringMatching(/^\d+ MiB free$/),
      heap: expect.stringMatching(/^\d+ of \d+ MiB in use$/),
      mail: 'not set up',
    });
    await test.close();
  });

  it('find a disk that is too full, and show no folder that is not there', async () => {
    const { manager, test, healthCheck } = await shop({
      full: diskHasRoom('.', 1e9),
      none: diskHasRoom('/none/secret'),
    });
    const ended = await (await manager.start(healthCheck)).settled();
    expect(ended.error?.message).toMatch(
      /^Not well: full \(\d+ MiB free, 1000000000 are needed\), none \(the folder cannot be looked at\)$/,
    );
    await test.close();
  });

  it('find a mail server that answers, and one that does not', async () => {
    const sink = await makeSink();
    const { manager, test, healthCheck } = await shop({ mail: mailServerAnswers({ SMTP_URL: sink.url }) });
    expect(await (await manager.start(healthCheck)).result()).toEqual({ mail: 'answers' });
    expect(sink.taken).toEqual([]);
    await sink.close();
    const ended = await (await manager.start(healthCheck)).settled();
    expect(ended.error?.message).toBe('Not well: mail (The mail server cannot be reached: ESOCKET)');
    await test.close();
  });

  it('end when they are cancelled', async () => {
    const sink = await makeSink({ login: { user: 'a', password: 'b' }, holdLogin: true });
    const { manager, test, healthCheck } = await shop({
      mail: mailServerAnswers({ SMTP_URL: sink.url.replace('//', '//a:b@') }),
    });
    const run = await manager.start(healthCheck);
    await until(() => sink.connections.all === 1);
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false });
    await sink.close();
    await test.close();
  });
});

describe('the users', () => {
  it('register once, however the address is written', () => {
    const users = new UserStore();
    expect(users.register({ name: 'Ada', email: 'ada@example.com' }, 0)).toBeDefined();
    expect(users.register({ name: 'Ada', email: 'ADA@example.com' }, 0)).toBeUndefined();
    expect([users.size, users.sessions]).toEqual([1, 1]);
  });
});
