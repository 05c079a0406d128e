import { expect, it } from '@jest/globals';
import type { StoredSchedule } from '../../src/ports/schedules.js';
import type { Accepted } from '../../src/ports/stored-run.js';
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
  readonly #kept = new Map<string, StoredSchedule>();
  readonly #schedulers: Scheduler[] = [];

  schedules(): Promise<readonly StoredSchedule[]> {
    return Promise.resolve([...this.#kept.values()]);
  }

  saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean> {
    if ((this.#kept.get(schedule.id)?.version ?? null) !== expectedVersion) return Promise.resolve(false);
    this.#kept.set(schedule.id, schedule);
    return Promise.resolve(true);
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
      find: () => undefined,
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
    if (!(await this.saveSchedule(schedule, expectedVersion))) return undefined;
    this.started.push(id);
    return { run: { id } as Accepted['run'], replayed: false };
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
