import { expect, it } from '@jest/globals';
import type { StoredSchedule } from '../../src/ports/schedules.js';
import type { Accepted, StoredRun } from '../../src/ports/stored-run.js';
import { dueRunId } from '../../src/schedule/due-run.js';
import { Scheduler } from '../../src/schedule/scheduler.js';
import type { DueStart } from '../../src/schedule/scheduler-parts.js';
import { TaskError } from '../../src/task/errors.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

const SECOND_MS = 1_000;
const everySecond = { task: 'note', everyMs: SECOND_MS };

/** Schedules that several processes share, and the runs that they have started. */
class SharedStore {
  readonly clock = new ManualClock();
  readonly started: string[] = [];
  /** Looks for the last run of a schedule: none has one that has not ended. */
  find: () => Promise<StoredRun | undefined> = () => Promise.resolve(undefined);
  /** What is waited for before a schedule is saved. */
  beforeSave: () => Promise<void> = () => Promise.resolve();
  /** What is waited for before it is told that a schedule is saved. */
  afterSave: () => Promise<void> = () => Promise.resolve();
  /** Whether what is started is accepted, and the answer lost. */
  losesAnswers = false;
  readonly #kept = new Map<string, StoredSchedule>();
  readonly #schedulers: Scheduler[] = [];

  schedules(): Promise<readonly StoredSchedule[]> {
    return Promise.resolve([...this.#kept.values()]);
  }

  async saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean> {
    await this.beforeSave();
    const saved = this.#keep(schedule, expectedVersion);
    await this.afterSave();
    return saved;
  }

  removeSchedule(id: string): Promise<boolean> {
    return Promise.resolve(this.#kept.delete(id));
  }

  /** A process that knows the task, or does not. */
  process(knowsTask: boolean): Scheduler {
    const scheduler = new Scheduler({
      ...{ clock: this.clock, logger: undefined, store: this, shared: true },
      task: () => ({ name: 'note', check: () => Promise.resolve() }),
      newRunId: () => 'triggered',
      start: (due) => this.#start(due, knowsTask),
      find: () => this.find(),
      cancel: () => undefined,
      whenEnded: () => undefined,
    });
    this.#schedulers.push(scheduler);
    scheduler.begin([...this.#kept.values()]);
    return scheduler;
  }

  close(): void {
    for (const scheduler of this.#schedulers) scheduler.close();
  }

  async #start({ id, schedule, expectedVersion }: DueStart, knowsTask: boolean): Promise<Accepted | undefined> {
    if (!knowsTask) throw new TaskError('TASK_UNKNOWN', 'There is no task note');
    if (!this.#keep(schedule, expectedVersion)) return undefined;
    this.started.push(id);
    if (this.losesAnswers) throw new TaskError('BACKEND', 'Redis does not answer');
    return { run: { id } as Accepted['run'], replayed: false };
  }

  #keep(schedule: StoredSchedule, expectedVersion: number | null): boolean {
    if ((this.#kept.get(schedule.id)?.version ?? null) !== expectedVersion) return false;
    this.#kept.set(schedule.id, schedule);
    return true;
  }
}

async function withStore(act: (store: SharedStore) => Promise<void>): Promise<void> {
  const store = new SharedStore();
  try {
    await act(store);
  } finally {
    store.close();
  }
}

it('a due run of a task that is unknown here is left to the processes that know it', () =>
  withStore(async (store) => {
    const knower = store.process(true);
    await knower.put('s', everySecond);
    const other = store.process(false);
    await store.clock.run(5 * SECOND_MS);
    expect(store.started).toHaveLength(5);
    expect(knower.get('s')).toMatchObject({ skipped: 0, lastError: null });
    await store.clock.run(0);
    expect(other.get('s')).toMatchObject({ skipped: 0, lastError: null });
  }));

it('what is due while nobody knows its task is started by the process that comes and does', () =>
  withStore(async (store) => {
    const first = store.process(true);
    await first.put('s', { ...everySecond, everyMs: 60 * SECOND_MS });
    first.close();
    const other = store.process(false);
    await store.clock.run(60 * SECOND_MS);
    expect(other.get('s')).toMatchObject({ waiting: 1, lastError: null });
    await store.clock.run(20 * SECOND_MS);
    expect(other.get('s')).toMatchObject({ waiting: 1, lastError: { code: 'TASK_UNKNOWN' } });
    store.process(true);
    await store.clock.run(0);
    expect(store.started).toHaveLength(1);
    await store.clock.run(60 * SECOND_MS);
    expect(other.get('s')).toMatchObject({ waiting: 0, lastError: null });
  }));

it('a schedule that another process puts, changes or removes is heard of within five seconds', () =>
  withStore(async (store) => {
    const [one, two] = [store.process(true), store.process(true)];
    await one.put('s', everySecond);
    await one.put('t', { ...everySecond, paused: true });
    await store.clock.run(5 * SECOND_MS);
    expect(two.list().map(({ id }) => id)).toEqual(['s', 't']);
    await one.delete('s');
    await one.resume('t');
    await store.clock.run(5 * SECOND_MS);
    expect(two.list()).toMatchObject([{ id: 't', paused: false }]);
    one.close();
    store.started.length = 0;
    await store.clock.run(3 * SECOND_MS);
    expect(store.started).toHaveLength(3);
  }));

/** How many of the due times up to a pause were started, or wait: all. */
async function dealtWith(store: SharedStore, scheduler: Scheduler, begunAt: number): Promise<[number, number]> {
  const { updatedAt, waiting } = await scheduler.pause('s');
  return [store.started.length + waiting, Math.floor((updatedAt - begunAt) / SECOND_MS)];
}

it('no due time is lost between the last look and a pause, however long that takes', () =>
  withStore(async (store) => {
    const scheduler = store.process(true);
    const begunAt = store.clock.now();
    await scheduler.put('s', { ...everySecond, overlap: 'queue' });
    await store.clock.run(SECOND_MS);
    store.find = () => Promise.resolve({ status: 'running', ordinal: 1 } as StoredRun);
    await store.clock.run(1.5 * SECOND_MS);
    const { find } = store;
    store.find = () => {
      store.clock.advance(SECOND_MS);
      return find();
    };
    const [dealt, due] = await dealtWith(store, scheduler, begunAt);
    expect(dealt).toBe(due);
    expect(dealt).toBeGreaterThan(1);
  }));

it('what was due waits where a pause comes while the server does not answer to everything', () =>
  withStore(async (store) => {
    const scheduler = store.process(true);
    const begunAt = store.clock.now();
    await scheduler.put('s', { ...everySecond, overlap: 'queue' });
    await store.clock.run(SECOND_MS);
    store.find = () => Promise.reject(new TaskError('BACKEND', 'Redis does not answer'));
    await store.clock.run(2.5 * SECOND_MS);
    expect(await dealtWith(store, scheduler, begunAt)).toEqual([3, 3]);
    store.find = () => Promise.resolve(undefined);
    await scheduler.resume('s');
    await store.clock.run(0);
    expect(store.started).toHaveLength(3);
  }));

it('what was started, and the answer lost, is not started again while it is found out that it was', () =>
  withStore(async (store) => {
    const scheduler = store.process(true);
    await scheduler.put('s', { ...everySecond, overlap: 'queue' });
    const begunAt = store.clock.now();
    store.losesAnswers = true;
    await store.clock.run(SECOND_MS);
    expect(store.started).toHaveLength(1);
    store.losesAnswers = false;
    // The second due time comes, and then the time to try the first again: before the server says that it was started.
    let answer: () => void = () => undefined;
    store.beforeSave = () => new Promise((resolve) => (answer = resolve));
    await store.clock.run(SECOND_MS);
    store.beforeSave = () => Promise.resolve();
    answer();
    await store.clock.run(SECOND_MS);
    const dueAt = [1, 2, 3].map((n) => begunAt + n * SECOND_MS);
    expect(store.started).toEqual(dueAt.map((at) => dueRunId('s', at)));
  }));

it('a schedule that was made, and not confirmed, is there at once for the process that made it', () =>
  withStore(async (store) => {
    const process = store.process(true);
    store.afterSave = () => Promise.reject(new TaskError('BACKEND', 'The disk does not confirm what was written'));
    await expect(process.put('s', everySecond)).rejects.toMatchObject({ code: 'BACKEND' });
    store.afterSave = () => Promise.resolve();
    expect(process.get('s')).toMatchObject({ task: 'note', everyMs: SECOND_MS });
    await store.clock.run(SECOND_MS);
    expect(store.started).toHaveLength(1);
  }));
