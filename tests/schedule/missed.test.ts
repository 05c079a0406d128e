import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import type { CatchUp, Overlap } from '../../src/task/schedule.js';
import type { Logger } from '../../src/ports/logger.js';
import { until } from '../until.js';
import { codeOf } from '../manager/workbench.js';
import { isoOf, scheduleBench, type ScheduleBench } from './bench.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What a schedule is at most of a test. */
async function state({ manager }: ScheduleBench, id = 'a') {
  const schedule = await manager.schedules.get(id);
  if (schedule === undefined) throw new Error(`there is no schedule ${id}`);
  return schedule;
}

describe('catchUp', () => {
  /** A schedule that is due at each full hour, looked at again five hours and twenty minutes later. */
  async function afterGap(catchUp: CatchUp | undefined, overlap: Overlap = 'skip', task = 'note') {
    const bench = scheduleBench('2026-11-21T03:10:00Z');
    const given = { task, cron: '0 * * * *', overlap, ...(catchUp && { catchUp }) };
    await bench.manager.schedules.put('a', given);
    bench.clock.jump(5 * HOUR_MS + 20 * MINUTE_MS);
    await bench.clock.run(MINUTE_MS);
    return bench;
  }
  const hours = (...all: number[]) => all.map((hour) => `a@20261121T0${hour}0000Z`);

  it('starts nothing for due times that were missed unless it says so', async () => {
    const bench = await afterGap(undefined);
    expect(bench.begun).toEqual([]);
    expect(await state(bench)).toMatchObject({ skipped: 5, nextAt: Date.parse('2026-11-21T09:00:00Z') });
  });

  it("makes up for the last one under 'last'", async () => {
    const bench = await afterGap('last');
    expect(bench.begun).toEqual(hours(8));
    expect(await state(bench)).toMatchObject({ skipped: 4 });
  });

  it.each<Overlap>(['skip', 'queue'])(
    "makes up for each under 'all', one after the other, with overlap %j",
    async (overlap) => {
      const bench = await afterGap('all', overlap, 'slow');
      for (const [index, id] of hours(4, 5, 6, 7, 8).entries()) {
        expect((await bench.manager.list({ status: ['running'] })).items.map((run) => run.id)).toEqual([id]);
        expect(await state(bench)).toMatchObject({ waiting: 4 - index, skipped: 0 });
        bench.crowd.gates.shift()?.open(undefined);
        await bench.clock.run(0);
      }
      expect(bench.crowd.most).toBe(1);
    },
  );

  it("makes up for the newest alone under 'all' where each cancels the one before", async () => {
    const bench = await afterGap('all', 'cancel-previous');
    expect(bench.begun).toEqual(hours(8));
    expect(await state(bench)).toMatchObject({ skipped: 4, waiting: 0 });
  });

  it("makes up for 100 at most under 'all', the last ones, and counts the others", async () => {
    const bench = scheduleBench('2026-11-21T03:00:30Z');
    await bench.manager.schedules.put('a', { task: 'note', everyMs: MINUTE_MS, catchUp: 'all' });
    bench.clock.jump(150 * MINUTE_MS - 10_000);
    await bench.clock.run(30_000);
    await until(() => bench.begun.length === 100);
    expect([bench.begun[0], bench.begun.at(-1)]).toEqual(['a@20261121T035100Z', 'a@20261121T053000Z']);
    expect(await state(bench)).toMatchObject({ skipped: 50 });
  });

  it.each([
    [10_000, 1],
    [10_001, 0],
  ])('is asked only of what is noticed more than 10 s late: %i ms', async (lateMs, runs) => {
    const bench = scheduleBench('2026-11-21T03:00:59Z');
    await bench.manager.schedules.put('a', { task: 'note', everyMs: MINUTE_MS });
    bench.clock.jump(1_000 + lateMs - 1_000);
    await bench.clock.run(1_000);
    expect(bench.begun).toHaveLength(runs);
    expect(await state(bench)).toMatchObject({ skipped: 1 - runs });
  });
});

describe('overlap', () => {
  const slow = { task: 'slow', everyMs: MINUTE_MS } as const;

  it("skips and counts due times while the last run has not ended, under 'skip'", async () => {
    const bench = scheduleBench('2026-11-21T03:00:30Z');
    await bench.manager.schedules.put('a', slow);
    await bench.clock.run(3 * MINUTE_MS);
    expect(await state(bench)).toMatchObject({ skipped: 2, waiting: 0, lastRun: { id: 'a@20261121T030100Z' } });
    await bench.crowd.leave(bench.clock);
    await bench.clock.run(MINUTE_MS);
    expect(await state(bench)).toMatchObject({ skipped: 2, lastRun: { id: 'a@20261121T030400Z' } });
    expect(bench.crowd.most).toBe(1);
  });

  it("lets due times wait for their turn under 'queue', 100 at most, and never has two at once", async () => {
    const bench = scheduleBench('2026-11-21T03:00:30Z');
    await bench.manager.schedules.put('a', { ...slow, overlap: 'queue' });
    await bench.clock.run(104 * MINUTE_MS);
    expect(await state(bench)).toMatchObject({ waiting: 100, skipped: 3 });
    for (let left = 100; left >= 0; left -= 1) {
      bench.crowd.gates.shift()?.open(undefined);
      await bench.clock.run(0);
    }
    expect(await state(bench)).toMatchObject({ waiting: 0, skipped: 3, lastRun: { id: 'a@20261121T044100Z' } });
    expect(bench.crowd.most).toBe(1);
  });

  it("cancels the last run under 'cancel-previous', and starts the next when that has ended", async () => {
    const bench = scheduleBench('2026-11-21T03:00:30Z', { graceMs: HOUR_MS });
    await bench.manager.schedules.put('a', { ...slow, overlap: 'cancel-previous' });
    await bench.clock.run(2 * MINUTE_MS);
    const first = await bench.manager.get('a@20261121T030100Z');
    expect(first).toMatchObject({ status: 'cancelling', cancelReason: 'the next run of its schedule is due' });
    expect(await bench.manager.get('a@20261121T030200Z')).toBeUndefined();
    // A newer one takes the place of the one that waits.
    await bench.clock.run(MINUTE_MS);
    expect(await state(bench)).toMatchObject({ waiting: 1, skipped: 1 });
    bench.crowd.gates.shift()?.open(undefined);
    await bench.clock.run(0);
    expect(await bench.manager.get('a@20261121T030100Z')).toMatchObject({ status: 'cancelled' });
    expect(await bench.manager.get('a@20261121T030200Z')).toBeUndefined();
    expect(await bench.manager.get('a@20261121T030300Z')).toMatchObject({ status: 'running' });
    expect(bench.crowd.most).toBe(1);
  });

  it("cancels a last run that has not begun, and starts the next at once, under 'cancel-previous'", async () => {
    const bench = scheduleBench('2026-11-21T03:00:30Z', { concurrency: 1 });
    await bench.manager.start('busy', () => new Promise(() => undefined));
    await bench.manager.schedules.put('a', { ...slow, overlap: 'cancel-previous' });
    await bench.clock.run(2 * MINUTE_MS);
    expect(await bench.manager.get('a@20261121T030100Z')).toMatchObject({ status: 'cancelled' });
    expect(await bench.manager.get('a@20261121T030200Z')).toMatchObject({ status: 'queued' });
  });
});

describe('a clock that is set', () => {
  const hourly = { task: 'note', cron: '0 * * * *' } as const;

  it('back by less than a day: no due time fires twice', async () => {
    const bench = scheduleBench('2026-11-21T02:30:00Z');
    await bench.manager.schedules.put('a', hourly);
    await bench.clock.run(2 * HOUR_MS);
    bench.clock.jump(-2 * HOUR_MS);
    await bench.clock.run(3 * HOUR_MS);
    expect(bench.begun).toEqual(['a@20261121T030000Z', 'a@20261121T040000Z', 'a@20261121T050000Z']);
  });

  it('back by more than a day: it goes on from there, and says so', async () => {
    const warned: string[] = [];
    const ignore = (): void => undefined;
    const logger: Logger = {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (_, message) => void warned.push(message),
    };
    const bench = scheduleBench('2026-11-21T02:30:00Z', { logger });
    await bench.manager.schedules.put('a', hourly);
    await bench.clock.run(HOUR_MS);
    bench.clock.jump(-10 * DAY_MS);
    await bench.clock.run(HOUR_MS);
    expect(bench.times).toEqual(['2026-11-21T03:00:00Z', '2026-11-11T04:00:00Z']);
    expect(warned).toEqual([expect.stringContaining('goes on from now')]);
  });

  it('forwards: what is passed over was missed, within half a minute', async () => {
    const bench = scheduleBench('2026-11-21T02:30:00Z');
    await bench.manager.schedules.put('a', { ...hourly, catchUp: 'last' });
    await bench.clock.run(1_000);
    bench.clock.jump(5 * HOUR_MS);
    await bench.clock.run(30_000);
    expect(bench.begun).toEqual(['a@20261121T070000Z']);
  });
});

describe('a start that is refused', () => {
  it('is tried again, later each time, until there is room, and is not lost', async () => {
    const bench = scheduleBench('2026-11-21T02:59:30Z', { queueLimit: 1 });
    await bench.manager.schedules.put('a', { task: 'note', cron: '0 3 * * *' });
    await bench.manager.start('waits', () => 1, { delayMs: 60_000 });
    await bench.clock.run(40_000);
    const lastError = { code: 'QUEUE_FULL', dueAt: Date.parse('2026-11-21T03:00:00Z') };
    expect(await state(bench)).toMatchObject({ waiting: 1, lastRun: null, lastError });
    expect(bench.begun).toEqual([]);
    await bench.clock.run(60_000);
    expect(bench.begun).toEqual(['a@20261121T030000Z']);
    expect(bench.times).toEqual(['2026-11-21T03:00:31Z']); // 1 + 2 + 4 + 8 + 16 s
    expect(await state(bench)).toMatchObject({ waiting: 0, skipped: 0, lastError: null });
  });

  it('for good is recorded, and the schedule goes on', async () => {
    const bench = scheduleBench('2026-11-21T02:59:30Z');
    let refused = false;
    const validate = (value: unknown) => (refused ? { issues: [{ message: 'not any more' }] } : { value });
    const task = defineTask({
      name: 'moody',
      input: { '~standard': { version: 1, vendor: 'test', validate } },
      handler: (_: unknown, { runId }) => void bench.begun.push(runId),
    });
    await bench.manager.schedules.put('a', { task, everyMs: MINUTE_MS });
    refused = true;
    await bench.clock.run(MINUTE_MS);
    const lastError = {
      code: 'INPUT_INVALID',
      message: expect.stringContaining('not any more'),
      dueAt: bench.clock.now() - 30_000,
    };
    expect(await state(bench)).toMatchObject({ lastError, waiting: 0, lastRun: null });
    refused = false;
    await bench.clock.run(MINUTE_MS);
    expect(bench.begun).toEqual(['a@20261121T030100Z']);
    expect(await state(bench)).toMatchObject({ lastError: null });
  });

  it('of a trigger is told to whoever asked', async () => {
    const bench = scheduleBench('2026-11-21T02:59:30Z');
    await bench.manager.schedules.put('a', { task: 'note', everyMs: MINUTE_MS });
    await bench.manager.close({ graceMs: 0 });
    expect(await codeOf(bench.manager.schedules.trigger('a'))).toBe('MANAGER_CLOSED');
  });
});

describe('changes of the clocks of a place', () => {
  it.each([
    ['Europe/Berlin', '30 2 * * *', '2026-03-28T01:30:00Z', '2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z'],
    ['Europe/Berlin', '30 2 * * *', '2026-10-24T00:30:00Z', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
    ['America/New_York', '30 2 * * *', '2026-03-07T07:30:00Z', '2026-03-08T07:00:00Z', '2026-03-09T06:30:00Z'],
    ['America/New_York', '30 1 * * *', '2026-10-31T05:30:00Z', '2026-11-01T05:30:00Z', '2026-11-02T06:30:00Z'],
    ['Australia/Lord_Howe', '0 2 * * *', '2026-10-02T15:30:00Z', '2026-10-03T15:30:00Z', '2026-10-04T15:00:00Z'],
    ['America/Sao_Paulo', '0 0 * * *', '2018-11-03T03:00:00Z', '2018-11-04T03:00:00Z', '2018-11-05T02:00:00Z'],
  ])('in %s: %s fires once for each due time', async (...given) => {
    const [timeZone, cron, first, ...later] = given;
    const bench = scheduleBench(isoOf(Date.parse(first) - MINUTE_MS), { retention: { keepResultMs: 1e10 } });
    await bench.manager.schedules.put('a', { task: 'note', cron, timeZone });
    await bench.clock.run(2.5 * DAY_MS);
    const due = [first, ...later];
    expect(bench.times).toEqual(due);
    expect(bench.begun).toEqual(due.map((at) => `a@${at.replaceAll(/[-:]/g, '')}`));
  });
});
