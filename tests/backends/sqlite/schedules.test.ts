import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase } from '../../../src/backends/sqlite/open-database.js';
import { SqliteParts } from '../../../src/backends/sqlite/sqlite-parts.js';
import { Acceptance } from '../../../src/backends/sqlite/acceptance.js';
import type { ManagerOptions } from '../../../src/manager/manager-options.js';
import type { TaskManager } from '../../../src/manager/task-manager.js';
import type { NewRun } from '../../../src/ports/new-run.js';
import { defineTask } from '../../../src/task/task.js';
import { newRun, newSchedule } from '../../../src/testing/contract/samples.js';
import { FakeClock } from '../../fake-clock.js';
import { until } from '../../until.js';
import { codeOf, Gate } from '../../manager/workbench.js';
import { DurableBench } from './durable.js';

const MINUTE_MS = 60_000;
const START = Date.parse('2026-11-21T02:59:30Z');
const DUE = 'a@20261121T030000Z';

let bench: DurableBench;
let begun: string[];
let clock: FakeClock;

beforeEach(async () => {
  bench = new DurableBench();
  await bench.open();
  begun = [];
  clock = new FakeClock(START);
});

afterEach(() => bench.dispose());

const note = () => defineTask({ name: 'note', handler: (_: unknown, { runId }) => void begun.push(runId) });
const everyMinute = { task: 'note', everyMs: MINUTE_MS } as const;

function manager(file: string, options: ManagerOptions = {}): TaskManager {
  return bench.manager(file, { tasks: [note()], clock, ...options });
}

/** Lets time pass as slowly as the disk needs it: in steps, each of which ends when all that came of it is stored. */
async function pass(ms: number, waiting: TaskManager): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5_000) {
    await clock.run(5_000);
    for (let commits = 0; commits < 5; commits += 1) await waiting.queues.resume('nobody');
  }
}

/** A clock that shows the same time of day, for another process. */
function sameTime(): FakeClock {
  return new FakeClock(clock.now());
}

describe('schedules in a file', () => {
  it('are there after a restart, with all that is known of them', async () => {
    const file = bench.newFile();
    const before = manager(file);
    const input = { at: new Date(0), text: 'x'.repeat(5_000) };
    await before.schedules.put('a', { ...everyMinute, input, catchUp: 'last', tags: ['t'], jitterMs: 5 });
    await before.schedules.put('b', { task: 'note', cron: '0 9 * * MON', timeZone: 'Asia/Kathmandu', paused: true });
    await before.schedules.put('gone', everyMinute);
    await before.schedules.trigger('a');
    await before.schedules.delete('gone');
    const known = await before.schedules.list();

    const seen: unknown[] = [];
    const reading = defineTask({ name: 'note', handler: (given: unknown) => void seen.push(given) });
    const after = bench.manager(await bench.crash(file), { tasks: [reading], clock: sameTime() });
    expect(await after.schedules.list()).toEqual(known);
    expect(known.map(({ id }) => id)).toEqual(['a', 'b']);
    await (await after.schedules.trigger('a')).settled();
    expect(seen.at(-1)).toEqual(input);
  });

  it('fire in a process that only opens the file', async () => {
    const file = bench.newFile();
    const before = manager(file);
    await before.schedules.put('a', everyMinute);
    await before.close();

    const after = manager(file);
    await after.open();
    await clock.run(MINUTE_MS);
    await until(() => begun.length === 1);
    expect(begun).toEqual([DUE]);
  });

  it('make up for what was missed while no process was there', async () => {
    const file = bench.newFile();
    const before = manager(file);
    await before.schedules.put('none', everyMinute);
    await before.schedules.put('last', { ...everyMinute, catchUp: 'last' });
    await before.schedules.put('all', { ...everyMinute, catchUp: 'all' });
    await before.close();

    clock.jump(3 * MINUTE_MS + 15_000);
    const after = manager(file);
    await after.open();
    const ids = (id: string, minutes: readonly string[]) => minutes.map((minute) => `${id}@20261121T03${minute}00Z`);
    const expected = [...ids('all', ['00', '01', '02']), ...ids('last', ['02'])];
    await until(() => begun.length === expected.length);
    expect([...begun].sort()).toEqual(expected);
    const skipped = async () => (await after.schedules.list()).map((schedule) => [schedule.id, schedule.skipped]);
    expect(await skipped()).toEqual([
      ['all', 0],
      ['last', 2],
      ['none', 3],
    ]);
  });

  it('go on with the due times that waited for their turn', async () => {
    const file = bench.newFile();
    const gate = new Gate();
    const stuck = defineTask({ name: 'note', handler: () => gate.promise });
    const before = bench.manager(file, { tasks: [stuck], clock });
    await before.schedules.put('a', { ...everyMinute, overlap: 'queue' });
    await pass(3 * MINUTE_MS, before);
    expect(await before.schedules.get('a')).toMatchObject({ waiting: 2 });

    const after = bench.manager(await bench.crash(file), { tasks: [note()], clock: sameTime() });
    await after.open();
    await until(() => begun.length === 3);
    expect(begun).toEqual([DUE, 'a@20261121T030100Z', 'a@20261121T030200Z']);
    expect(await after.schedules.get('a')).toMatchObject({ waiting: 0, skipped: 0 });
    gate.open(undefined);
  });

  it('stay where their task is not known any more, and say so', async () => {
    const file = bench.newFile();
    const before = manager(file);
    await before.schedules.put('a', everyMinute);
    await before.close();

    const after = manager(file, { tasks: [] });
    await after.open();
    await pass(MINUTE_MS, after);
    expect(await after.schedules.get('a')).toMatchObject({ lastError: { code: 'TASK_UNKNOWN' }, waiting: 0 });
    after.register(note());
    await pass(MINUTE_MS, after);
    await until(() => begun.length === 1);
    expect(begun).toEqual(['a@20261121T030100Z']);
  });

  it('stay where their time zone is not known any more, and say so', async () => {
    const file = bench.newFile();
    const before = manager(file);
    await before.schedules.put('a', { task: 'note', cron: '* * * * *', timeZone: 'Europe/Berlin' });
    await before.schedules.put('b', everyMinute);
    await before.close();
    const database = await openDatabase({ file, durability: 'full', clock, lockTimeoutMs: 0 });
    database.exec(`UPDATE schedules SET record = replace(record, 'Europe/Berlin', 'Mars/Base') WHERE id = 'a'`);
    database.close();

    const after = manager(file);
    await after.open();
    await clock.run(MINUTE_MS);
    await until(() => begun.length === 1);
    const lastError = { code: 'INPUT_INVALID', message: expect.stringContaining('Mars/Base') };
    expect(await after.schedules.get('a')).toMatchObject({ timeZone: 'Mars/Base', nextAt: null, lastError });
    expect(await codeOf(after.schedules.preview('a', 1))).toBe('RangeError');
    expect(await after.schedules.put('a', everyMinute)).toMatchObject({ lastError: null });
  });
});

describe('a process that is killed at the due moment', () => {
  it('before the commit of the run: the next one starts it, and no other', async () => {
    const file = bench.newFile();
    const before = manager(file);
    await before.schedules.put('a', everyMinute);
    clock.advance(30_000); // in this turn: the timer has fired, and nothing is written yet
    const image = await bench.crash(file);
    await until(() => begun.length === 1);

    const after = bench.manager(image, { tasks: [note()], clock: sameTime() });
    await after.open();
    await until(() => begun.length === 2);
    expect(begun).toEqual([DUE, DUE]); // once in each of the two worlds
    expect(await after.schedules.get('a')).toMatchObject({ lastRun: { id: DUE }, skipped: 0 });
  });

  it('at any turn after it: there is one run for the due time, whatever was kept', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const file = bench.newFile();
      clock = new FakeClock(START);
      const before = manager(file);
      await before.schedules.put('a', everyMinute);
      clock.advance(30_000);
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const image = await bench.crash(file);

      const later = sameTime();
      const after = bench.manager(image, { tasks: [note()], clock: later });
      await after.open();
      await until(async () => (await after.get(DUE))?.status === 'completed');
      await later.run(5_000);
      const { items } = await after.list();
      expect(items.map(({ id, status }) => [id, status])).toEqual([[DUE, 'completed']]);
      expect(await after.schedules.get('a')).toMatchObject({ lastRun: { id: DUE }, skipped: 0, waiting: 0 });
    }
  });

  it('starts no second run for a due time whose run retention has removed', async () => {
    const file = bench.newFile();
    const retention = { maxFinished: 0 };
    const before = manager(file, { retention });
    await before.schedules.put('a', { ...everyMinute, catchUp: 'all' });
    await clock.run(30_000);
    await until(() => begun.length === 1);
    await until(async () => (await before.get(DUE)) === undefined);

    const later = sameTime();
    const after = bench.manager(await bench.crash(file), { tasks: [note()], clock: later, retention });
    await after.open();
    await later.run(20_000);
    expect(await after.schedules.get('a')).toMatchObject({ lastRun: { id: DUE } });
    expect(begun).toEqual([DUE]);
  });
});

describe('a disk that refuses', () => {
  const run: NewRun = { ...newRun('a@1'), input: 'x'.repeat(100_000) };

  async function open() {
    const file = bench.newFile();
    const database = await openDatabase({ file, durability: 'full', clock, lockTimeoutMs: 0 });
    const ignore = (): void => undefined;
    const retention = {
      keepResultMs: 1e9,
      maxFinished: 9,
      keepFailedMs: 1e9,
      maxFailed: 9,
      keepKeyMs: 1e9,
      maxKeys: 9,
    };
    const observer = { settled: ignore, forgotten: ignore, cancelledLate: ignore };
    const parts = new SqliteParts({ clock, logger: undefined, queueLimit: 9, retention, observer }, database);
    return { parts, database, acceptance: new Acceptance(parts) };
  }

  const moved = { ...newSchedule('a'), version: 2, cursorAt: 5 };

  it('leaves neither a due run nor a schedule that has moved on', async () => {
    const { parts, database, acceptance } = await open();
    await parts.schedules.save(newSchedule('a'), null);
    const [pages] = database.prepare('PRAGMA page_count').first() ?? [];
    database.exec(`PRAGMA max_page_count = ${String(pages)}`);
    expect(await codeOf(acceptance.acceptDue(run, moved, 1))).toBe('BACKEND');
    expect([parts.find('a@1'), parts.schedules.all]).toEqual([undefined, [newSchedule('a')]]);
    database.exec('PRAGMA max_page_count = 100000');
    expect(await acceptance.acceptDue(run, moved, 1)).toMatchObject({ replayed: false });
    expect(parts.schedules.all).toEqual([moved]);
    parts.close();
  });

  it('leaves a schedule as it was that could not be saved, or removed, and writes it no later', async () => {
    const { parts, database } = await open();
    await parts.schedules.save(newSchedule('a'), null);
    database.exec('CREATE TEMP TRIGGER refuse BEFORE UPDATE ON schedules BEGIN SELECT raise(ABORT, "full"); END');
    database.exec('CREATE TEMP TRIGGER refuse_too BEFORE DELETE ON schedules BEGIN SELECT raise(ABORT, "full"); END');
    expect(await codeOf(parts.schedules.save(moved, 1))).toBe('BACKEND');
    expect(await codeOf(parts.schedules.remove('a'))).toBe('BACKEND');
    expect(parts.schedules.all).toEqual([newSchedule('a')]);
    database.exec('DROP TRIGGER refuse; DROP TRIGGER refuse_too');
    await clock.run(1_000);
    await until(() => parts.journal.clean);
    const rows = database.prepare<readonly [string]>('SELECT record FROM schedules').all();
    expect(rows.map(([record]) => (JSON.parse(record) as { version: number }).version)).toEqual([1]);
    expect(await parts.schedules.save(moved, 1)).toBe(true);
    parts.close();
    expect(await codeOf(parts.schedules.save({ ...moved, version: 3 }, 2))).toBe('MANAGER_CLOSED');
  });
});
