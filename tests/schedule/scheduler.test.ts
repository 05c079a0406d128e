import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { until } from '../until.js';
import { codeOf } from '../manager/workbench.js';
import { isoOf, scheduleBench } from './bench.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const everyMinute = { task: 'note', everyMs: MINUTE_MS } as const;

describe('a schedule', () => {
  it('starts a run of its task at each due time, with its input', async () => {
    const { manager, clock, begun, times, inputs } = scheduleBench('2026-11-21T02:59:30Z');
    const input = { at: new Date(0) };
    await manager.schedules.put('report', {
      ...{ task: 'note', input, cron: '*/15 3 * * *', tags: ['nightly'], owner: 'me', priority: 7 },
    });
    await clock.run(HOUR_MS);
    expect(times).toEqual(['00', '15', '30', '45'].map((minute) => `2026-11-21T03:${minute}:00Z`));
    expect(begun[1]).toBe('report@20261121T031500Z');
    expect(inputs[0]).toEqual(input);
    const run = { status: 'completed', task: 'note', tags: ['nightly'], owner: 'me', priority: 7 };
    expect(await manager.get('report@20261121T031500Z')).toMatchObject(run);
  });

  it('tells when it is due next, and which run it started last', async () => {
    const { manager, clock, note } = scheduleBench('2026-11-21T02:59:30Z');
    const put = await manager.schedules.put('a', { task: note, everyMs: MINUTE_MS });
    expect(put).toMatchObject({ version: 1, task: 'note', everyMs: MINUTE_MS, anchorAt: 0, cron: null, lastRun: null });
    expect(put.nextAt).toBe(Date.parse('2026-11-21T03:00:00Z'));
    await clock.run(MINUTE_MS);
    const lastRun = { id: 'a@20261121T030000Z', at: put.nextAt, dueAt: put.nextAt };
    const nextAt = Date.parse('2026-11-21T03:01:00Z');
    const after = { lastRun, nextAt, skipped: 0, waiting: 0, lastError: null };
    expect(await manager.schedules.get('a')).toMatchObject(after);
    expect(await manager.schedules.list()).toEqual([await manager.schedules.get('a')]);
  });

  it('gives each run an input of its own, whatever the one before has done to it', async () => {
    const { manager, clock, inputs } = scheduleBench('2026-11-21T03:00:30Z');
    const input = { seen: [] as number[] };
    await manager.schedules.put('a', { ...everyMinute, input });
    input.seen.push(1);
    await clock.run(MINUTE_MS);
    (inputs[0] as typeof input).seen.push(2);
    await clock.run(MINUTE_MS);
    expect(inputs[1]).toEqual({ seen: [] });
  });

  it('begins its runs up to its jitter later, and tells the planned time by their ids', async () => {
    const { manager, clock, begun, times } = scheduleBench('2026-11-21T02:59:30Z');
    await manager.schedules.put('a', { task: 'note', everyMs: HOUR_MS, jitterMs: 10 * MINUTE_MS });
    await clock.run(MINUTE_MS);
    expect(await manager.get('a@20261121T030000Z')).toMatchObject({ status: 'scheduled' });
    await clock.run(3 * HOUR_MS);
    expect(begun).toEqual(['a@20261121T030000Z', 'a@20261121T040000Z', 'a@20261121T050000Z']);
    for (const [index, time] of times.entries()) {
      const lateMs = Date.parse(time) - Date.parse(`2026-11-21T0${3 + index}:00:00Z`);
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThanOrEqual(10 * MINUTE_MS);
    }
    expect(times.every((time) => time.endsWith(':00:00Z'))).toBe(false);
  });

  it('is one of many that are due at once, each of which starts its run', async () => {
    const { manager, clock, begun } = scheduleBench('2026-11-21T03:00:55Z');
    for (let at = 0; at < 300; at += 1) await manager.schedules.put(`s${at}`, everyMinute);
    await clock.run(5_000);
    await until(() => begun.length === 300);
    expect(new Set(begun).size).toBe(300);
  });

  it('keeps the process up while it will start something', async () => {
    const { manager, clock } = scheduleBench('2026-11-21T03:00:30Z');
    await manager.schedules.put('a', everyMinute);
    await clock.run(0);
    // Its timer does not: something else holds the process, which tests cannot see on a manual clock.
    expect([clock.pending, clock.pendingRefed]).toEqual([1, 0]);
  });
});

describe('pause and resume', () => {
  it('leave out what is due in between, and count nothing', async () => {
    const { manager, clock, times } = scheduleBench('2026-11-21T03:00:30Z');
    await manager.schedules.put('a', { ...everyMinute, catchUp: 'all' });
    await clock.run(MINUTE_MS);
    expect(await manager.schedules.pause('a')).toMatchObject({ paused: true, nextAt: null });
    await clock.run(10 * MINUTE_MS);
    expect(await manager.schedules.resume('a')).toMatchObject({ paused: false, skipped: 0 });
    await clock.run(MINUTE_MS);
    expect(times).toEqual(['2026-11-21T03:01:00Z', '2026-11-21T03:12:00Z']);
    expect(await manager.schedules.get('a')).toMatchObject({ skipped: 0, waiting: 0 });
  });

  it('change nothing where the schedule is so already', async () => {
    const { manager } = scheduleBench('2026-11-21T03:00:30Z');
    const { version } = await manager.schedules.put('a', everyMinute);
    expect((await manager.schedules.resume('a')).version).toBe(version);
    const paused = await manager.schedules.pause('a');
    expect((await manager.schedules.pause('a')).version).toBe(paused.version);
  });
});

describe('trigger', () => {
  it('starts a run now, which is the last one then, and leaves the plan as it is', async () => {
    const { manager, clock, begun, inputs } = scheduleBench('2026-11-21T03:00:30Z');
    const { nextAt } = await manager.schedules.put('a', { ...everyMinute, input: 5 });
    const run = await manager.schedules.trigger('a');
    expect(await run.result()).toBeUndefined();
    const lastRun = { id: run.id, at: clock.now(), dueAt: null };
    expect(await manager.schedules.get('a')).toMatchObject({ nextAt, lastRun });
    await clock.run(MINUTE_MS);
    expect(begun).toEqual([run.id, 'a@20261121T030100Z']);
    expect(inputs).toEqual([5, 5]);
  });

  it('works on a paused schedule, and a run of it that has not ended holds up the next due one', async () => {
    const { manager, clock, crowd } = scheduleBench('2026-11-21T03:00:30Z');
    await manager.schedules.put('a', { task: 'slow', everyMs: MINUTE_MS, paused: true });
    const run = await manager.schedules.trigger('a');
    await manager.schedules.resume('a');
    await clock.run(MINUTE_MS);
    expect(await manager.schedules.get('a')).toMatchObject({ skipped: 1, lastRun: { id: run.id } });
    await crowd.leave(clock);
  });

  it('with an idempotency key starts one run, which the same key gives again, also when it has ended', async () => {
    const { manager, clock, begun } = scheduleBench('2026-11-21T03:00:30Z');
    for (const id of ['a', 'b']) await manager.schedules.put(id, everyMinute);
    const trigger = (id: string, idempotencyKey: string) => manager.schedules.trigger(id, { idempotencyKey });
    const [first, again] = await Promise.all([trigger('a', 'k'), trigger('a', 'k')]);
    await first.settled();
    await clock.run(MINUTE_MS);
    const late = await trigger('a', 'k');
    expect([first.replayed, again.replayed, late.replayed]).toEqual([false, true, true]);
    expect([again.id, late.id]).toEqual([first.id, first.id]);
    // What is given again is not the last run of the schedule because of that.
    expect(await manager.schedules.get('a')).toMatchObject({ lastRun: { id: 'a@20261121T030100Z' } });
    expect((await trigger('a', 'other')).replayed).toBe(false);
    expect((await trigger('b', 'k')).replayed).toBe(false);
    expect(new Set(begun).size).toBe(begun.length);
    expect(await codeOf(trigger('a', ''))).toBe('RangeError');
    expect(await codeOf(manager.schedules.trigger('a', { key: 'k' } as never))).toBe('TypeError');
  });

  it('is refused as a start is', async () => {
    const { manager } = scheduleBench('2026-11-21T03:00:30Z', { queueLimit: 1 });
    await manager.schedules.put('a', everyMinute);
    await manager.start('waits', () => 1, { delayMs: HOUR_MS });
    expect(await codeOf(manager.schedules.trigger('a'))).toBe('QUEUE_FULL');
    expect(await manager.schedules.get('a')).toMatchObject({ lastRun: null, lastError: null });
  });
});

describe('put', () => {
  it('puts other settings in the place of the old ones, and begins the plan again', async () => {
    const { manager, clock, times } = scheduleBench('2026-11-21T03:00:30Z');
    const first = await manager.schedules.put('a', everyMinute);
    await clock.run(MINUTE_MS);
    const second = await manager.schedules.put('a', { task: 'note', cron: '10 * * * *' });
    expect(second).toMatchObject({ createdAt: first.createdAt, cron: '10 * * * *', everyMs: null });
    expect(second.lastRun?.id).toBe('a@20261121T030100Z');
    expect(second.version).toBeGreaterThan(first.version);
    await clock.run(10 * MINUTE_MS);
    expect(times).toEqual(['2026-11-21T03:01:00Z', '2026-11-21T03:10:00Z']);
  });

  it('starts a run of what is due at this moment before it puts something in its place', async () => {
    const { manager, clock, times } = scheduleBench('2026-11-21T03:00:30Z');
    await manager.schedules.put('a', everyMinute);
    clock.jump(35_000);
    await manager.schedules.put('a', { ...everyMinute, tags: ['new'] });
    await clock.run(0);
    expect(times).toEqual(['2026-11-21T03:01:05Z']);
  });

  it('leaves a schedule that is put again as it was: its plan, what waits, and whether it is paused', async () => {
    const { manager, clock } = scheduleBench('2026-11-21T03:00:30Z');
    const definition = {
      task: 'slow',
      everyMs: MINUTE_MS,
      overlap: 'queue',
      tags: ['a', 'b'],
      input: { x: 1 },
    } as const;
    await manager.schedules.put('a', definition);
    await clock.run(3 * MINUTE_MS);
    await manager.schedules.pause('a');
    expect(await manager.schedules.put('a', definition)).toMatchObject({ waiting: 2, skipped: 0, paused: true });
    expect(await manager.schedules.put('a', { ...definition, paused: false })).toMatchObject({
      waiting: 2,
      paused: false,
    });
    expect(await manager.schedules.put('a', { ...definition, input: 2 })).toMatchObject({ waiting: 0, skipped: 2 });
  });

  it('takes tasks that are not registered yet, and names of those that are', async () => {
    const { manager } = scheduleBench('2026-11-21T03:00:30Z');
    const late = defineTask({ name: 'late', handler: () => 1 });
    await manager.schedules.put('a', { task: late, everyMs: MINUTE_MS });
    expect(manager.hasTask('late')).toBe(true);
    expect(await codeOf(manager.schedules.put('b', { task: 'nobody', everyMs: MINUTE_MS }))).toBe('TASK_UNKNOWN');
    expect(await manager.schedules.get('b')).toBeUndefined();
  });

  it.each<[string, object | null, string]>([
    ['no object', null, 'TypeError'],
    ['an unknown member', { every: 5 }, 'TypeError'],
    ['neither cron nor everyMs', { everyMs: undefined }, 'TypeError'],
    ['both', { cron: '* * * * *' }, 'TypeError'],
    ['an empty expression', { everyMs: undefined, cron: '' }, 'RangeError'],
    ['dates that never come', { everyMs: undefined, cron: '0 0 30 2 *' }, 'RangeError'],
    ['an unknown zone', { everyMs: undefined, cron: '* * * * *', timeZone: 'Mars/Base' }, 'RangeError'],
    ['an interval below a second', { everyMs: 999 }, 'RangeError'],
    ['an unknown overlap', { overlap: 'allow' }, 'RangeError'],
    ['an unknown catchUp', { catchUp: true }, 'RangeError'],
    ['a jitter of more than a day', { jitterMs: 86_400_001 }, 'RangeError'],
    ['an expiry that jitter may pass', { jitterMs: 1_000, expiresInMs: 1_000 }, 'RangeError'],
    ['a malformed tag', { tags: [''] }, 'RangeError'],
    ['a malformed owner', { owner: ' ' }, 'RangeError'],
    ['a priority out of range', { priority: 1_001 }, 'RangeError'],
    ['paused that is no boolean', { paused: 1 }, 'TypeError'],
    ['a task that is none', { task: 5 }, 'TypeError'],
    ['an input that cannot be stored', { input: () => 1 }, 'INPUT_INVALID'],
  ])('refuses %s', async (_what, members, expected) => {
    const { manager } = scheduleBench('2026-11-21T03:00:30Z');
    const definition = members === null ? null : { ...everyMinute, ...members };
    expect(await codeOf(manager.schedules.put('a', definition as never))).toBe(expected);
    expect(await manager.schedules.list()).toEqual([]);
  });

  it.each(['', ' ', 'a/b', 'x'.repeat(101)])('refuses the id %j', async (id) => {
    const { manager } = scheduleBench('2026-11-21T03:00:30Z');
    expect(await codeOf(manager.schedules.put(id, everyMinute))).toBe('RangeError');
    expect(await codeOf(manager.schedules.get(id))).toBe('RangeError');
  });

  it('refuses an input that the task refuses, whether its schema answers at once or later', async () => {
    const { manager } = scheduleBench('2026-11-21T03:00:30Z');
    const no = { issues: [{ message: 'no' }] };
    for (const answer of [no, Promise.resolve(no)]) {
      const input = { '~standard': { version: 1, vendor: 'test', validate: () => answer } } as const;
      const task = defineTask({ name: answer === no ? 'at-once' : 'later', input, handler: () => 1 });
      expect(await codeOf(manager.schedules.put('a', { task, everyMs: MINUTE_MS }))).toBe('INPUT_INVALID');
    }
  });
});

describe('delete', () => {
  it('removes the schedule and leaves its runs', async () => {
    const { manager, clock, begun } = scheduleBench('2026-11-21T03:00:30Z');
    await manager.schedules.put('a', everyMinute);
    await clock.run(MINUTE_MS);
    await manager.schedules.delete('a');
    await clock.run(10 * MINUTE_MS);
    expect(begun).toEqual(['a@20261121T030100Z']);
    expect(await manager.get('a@20261121T030100Z')).toMatchObject({ status: 'completed' });
    expect(await manager.schedules.get('a')).toBeUndefined();
  });
});

describe('a schedule that is not there', () => {
  it('is RUN_NOT_FOUND for all who need it', async () => {
    const { schedules } = scheduleBench('2026-11-21T03:00:30Z').manager;
    expect(await schedules.get('a')).toBeUndefined();
    for (const call of [schedules.delete('a'), schedules.pause('a'), schedules.resume('a'), schedules.trigger('a')])
      expect(await codeOf(call)).toBe('RUN_NOT_FOUND');
    await expect(schedules.preview('a', 1)).rejects.toThrow('There is no schedule a');
  });
});

describe('preview', () => {
  it('gives the next due times, also of a paused schedule', async () => {
    const { manager } = scheduleBench('2026-03-28T12:00:00Z');
    const plan = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', paused: true };
    await manager.schedules.put('a', { task: 'note', ...plan });
    const due = await manager.schedules.preview('a', 3);
    expect(due.map(isoOf)).toEqual(['2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z', '2026-03-31T00:30:00Z']);
    for (const count of [0, 101, 1.5]) expect(await codeOf(manager.schedules.preview('a', count))).toBe('RangeError');
  });
});

describe('close', () => {
  it('fires nothing more, leaves no timer, and refuses changes', async () => {
    const { manager, clock, begun, crowd } = scheduleBench('2026-11-21T03:00:30Z');
    await manager.schedules.put('a', everyMinute);
    await manager.schedules.put('b', { task: 'slow', everyMs: MINUTE_MS, overlap: 'queue' });
    await clock.run(2 * MINUTE_MS);
    const closing = manager.close({ graceMs: MINUTE_MS });
    await crowd.leave(clock);
    await clock.run(2 * MINUTE_MS);
    await closing;
    expect([begun.length, clock.pending]).toEqual([2, 0]);
    expect(crowd.gates).toEqual([]);
    const { schedules } = manager;
    expect(await codeOf(schedules.put('c', everyMinute))).toBe('MANAGER_CLOSED');
    expect(await codeOf(schedules.trigger('a'))).toBe('MANAGER_CLOSED');
    expect((await schedules.list()).map(({ id }) => id)).toEqual(['a', 'b']);
  });
});
