import type { Backend, MaybePromise } from '../ports/backend.js';
import type { StoredSchedule } from '../ports/schedules.js';
import type { SchedulerParts } from '../schedule/scheduler-parts.js';
import type { AnyTask } from '../task/task.js';
import { checkInput } from './parse-input.js';
import type { ResolvedOptions } from './resolve-options.js';
import type { RunStarter } from './run-starter.js';
import type { TaskRegistry } from './task-registry.js';

/** What {@link Scheduling} asks its manager for. */
export interface SchedulingSource {
  readonly options: ResolvedOptions;
  readonly backend: Backend;
  readonly registry: TaskRegistry;
  register(task: AnyTask): void;
}

/** Who cancels a run in the place of which a schedule starts the next one. */
const REPLACED = { by: 'schedule', reason: 'the next run of its schedule is due' };

/** Imported only now: the module needs a package that the core does without. */
async function newScheduler(parts: SchedulerParts) {
  const { Scheduler } = await import('../schedule/scheduler.js');
  return new Scheduler(parts);
}

type Scheduler = Awaited<ReturnType<typeof newScheduler>>;

/** The scheduler of a manager. It is loaded when there is a schedule, or somebody asks for one. */
export class Scheduling {
  readonly #source: SchedulingSource;
  readonly #starter: RunStarter;
  #loading: Promise<Scheduler> | undefined;
  #end: () => void = () => undefined;
  #closed = false;

  constructor(source: SchedulingSource, starter: RunStarter) {
    this.#source = source;
    this.#starter = starter;
  }

  /** Takes up the schedules that an earlier process has left, if any. The backend has just been opened. */
  open(): MaybePromise<void> {
    try {
      const stored = this.#source.backend.schedules();
      if (stored instanceof Promise) return stored.then((all) => this.#takeUp(all), this.#failed);
      return this.#areThere(stored) ? this.#takeUp(stored) : undefined;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @throws {TaskError} BACKEND when the schedules cannot be read. */
  load(): Promise<Scheduler> {
    return (this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined; // whatever was in the way may be gone the next time
      throw error;
    }));
  }

  /** No due time fires from now on. */
  close(): void {
    this.#closed = true;
    this.#end();
  }

  async #takeUp(stored: readonly StoredSchedule[]): Promise<void> {
    if (this.#areThere(stored)) await this.load().then(() => undefined, this.#failed);
  }

  /** Other processes may make the first one later. */
  #areThere(stored: readonly StoredSchedule[]): boolean {
    return stored.length > 0 || this.#source.backend.shared === true;
  }

  /** Runs go on without schedules; whoever asks for them next tries again. */
  readonly #failed = (error: unknown): void => {
    this.#source.options.logger?.error({ err: error }, 'The schedules could not be read: no due time fires');
  };

  async #load(): Promise<Scheduler> {
    const scheduler = await newScheduler(this.#parts());
    const stored = await this.#source.backend.schedules();
    this.#end = () => scheduler.close();
    scheduler.begin(stored);
    if (this.#closed) scheduler.close();
    return scheduler;
  }

  #parts(): SchedulerParts {
    const { backend, options, registry } = this.#source;
    const { clock, logger } = options;
    return {
      ...{ clock, logger, store: backend, shared: backend.shared === true },
      task: (given) => {
        if (typeof given !== 'string') this.#source.register(given);
        const task = typeof given === 'string' ? registry.get(given) : registry.register(given);
        return { name: task.name, check: (input) => checkInput(task, input) };
      },
      newRunId: () => this.#starter.newId(),
      start: (due) => this.#starter.startDue(due),
      find: (id) => backend.find(id),
      cancel: ({ id, ordinal }) => backend.cancel(id, REPLACED, ordinal),
      whenEnded: (run, callback) => backend.watch(run, 'final', callback),
    };
  }
}
