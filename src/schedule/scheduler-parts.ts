import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import type { ScheduleStore, StoredSchedule } from '../ports/schedules.js';
import type { Accepted, MaybePromise, StoredRun } from '../ports/stored-run.js';
import type { AnyTask } from '../task/task.js';

/** A run that a schedule starts. */
export interface DueStart {
  readonly id: string;
  readonly delayMs: number;
  /** The schedule as it is once the run is accepted; it says the task and what the run is given. */
  readonly schedule: StoredSchedule;
  /** The version that it has until then. */
  readonly expectedVersion: number;
}

/** What is known of a task that is to be scheduled. */
export interface ScheduledTask {
  readonly name: string;
  /** @throws {TaskError} INPUT_INVALID when the task does not take this input. */
  check(input: unknown): Promise<void>;
}

/** What a scheduler is given by whoever has it: it knows no manager. */
export interface SchedulerParts {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly store: Omit<ScheduleStore, 'acceptDue'>;
  /** Whether other processes use the store, too: they may change schedules, and know tasks that are unknown here. */
  readonly shared: boolean;
  /** @throws {TypeError} when it is neither a task nor a name. @throws {TaskError} TASK_UNKNOWN when no task has this name. */
  task(task: AnyTask | string): ScheduledTask;
  /** An id that no run has. */
  newRunId(): string;
  /**
   * Starts a run, and keeps its schedule as it is then, both or neither.
   *
   * @returns undefined where the schedule has another version by now. @throws as `TaskManager.start` does.
   */
  start(due: DueStart): Promise<Accepted | undefined>;
  find(runId: string): MaybePromise<StoredRun | undefined>;
  /** Cancels a run that stands in the way of the next one; gives it as it is then. */
  cancel(run: StoredRun): MaybePromise<StoredRun | undefined>;
  /** Calls back once when the run has ended, or nobody will know any more. */
  whenEnded(run: StoredRun, callback: () => void): void;
}
