import type { Backend } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import type { ExecutorSource } from '../ports/executor.js';
import type { FileStore } from '../ports/files.js';
import type { Logger } from '../ports/logger.js';
import type { RetryPolicy } from '../task/retry-policy.js';
import type { Run } from '../task/run.js';
import type { RunStatus } from '../task/status.js';
import type { ResourceDefinitions } from '../task/resources.js';
import type { AnyTask, RunHooks } from '../task/task.js';

/**
 * How long ended runs are kept, and how many of them. What is older or more goes, oldest first. Time is counted from the
 * end of the run, of an abandoned one from when its handler has settled, and takes no notice of changes to the time of
 * day.
 */
export interface RetentionOptions {
  /** How long a completed or cancelled run is kept after its end. Default one hour. */
  readonly keepResultMs?: number;
  /** How many completed and cancelled runs are kept. Default 10,000. */
  readonly maxFinished?: number;
  /** How long a failed run is kept after its end. Default seven days. */
  readonly keepFailedMs?: number;
  /** How many failed runs are kept. Default 10,000. */
  readonly maxFailed?: number;
  /**
   * How long an idempotency key, and the run it belongs to, is kept after the start, and longer where the run has not
   * ended by then. Default 24 hours.
   */
  readonly keepKeyMs?: number;
  /**
   * How many idempotency keys are kept. For a further one that goes, before its time, whose run ended first; where none
   * has ended, the start is refused with `QUEUE_FULL`. Default 100,000.
   */
  readonly maxKeys?: number;
}

/** What a `TaskManager` is made with. */
export interface ManagerOptions extends RunHooks {
  /** The tasks that can be started by name. `start(task, …)` registers its task by itself. */
  readonly tasks?: readonly AnyTask[];
  /** Where runs live: one for each manager. `memory()` unless given. */
  readonly backend?: Backend;
  /**
   * Whether runs are handled here. False: this manager accepts, reads, cancels and schedules, and other processes, or a
   * later one, handle what it has accepted; ad-hoc functions, which never leave their process, are refused. Only where runs
   * outlive the process. Default true.
   */
  readonly work?: boolean;
  /**
   * The queues of which tasks are handled here: names, or patterns in which `*` stands for any characters. It is the queue
   * that a task names which counts. Others' runs, and imports into them, are accepted all the same, and wait for a process
   * that handles them; ad-hoc functions run in any case. Only where runs outlive the process. All queues unless given.
   */
  readonly queues?: readonly string[];
  /** How many handlers are at work at once, over all tasks: at least 1, or `Infinity`. Default 64. */
  readonly concurrency?: number;
  /** How many runs may wait; one more is refused with `QUEUE_FULL`: at least 1, or `Infinity`. Default 100,000. */
  readonly queueLimit?: number;
  /** How long a cancelled handler may go on before its run ends without it. Default 10,000 ms. */
  readonly graceMs?: number;
  /**
   * How deep child runs may go: 1 lets runs start children, but not those children of their own. One that would be deeper
   * is refused with a `NonRetryableError`. 0 to 100, default 16.
   */
  readonly maxDepth?: number;
  readonly retention?: RetentionOptions;
  /** How threads and processes are made: what `threads()` and `processes()` of `errand/thread` give. Their defaults unless given. */
  readonly executors?: readonly ExecutorSource[];
  /**
   * For how long the event loop may stand still while inline handlers are at work before the logs of their runs are told of it,
   * at level `warn`: at least 20 ms, or `Infinity` for never. Default 200 ms. What is a little above it may go unseen. By the
   * computer's clock only: with another `clock` nothing is told.
   */
  readonly stallMs?: number;
  /**
   * What handlers find in `ctx.resources`. Opened in the order given, before any run begins; closed in reverse order at
   * the end of `close`. Where `work` is false, nobody needs them here, and they are not opened.
   */
  readonly resources?: ResourceDefinitions;
  /**
   * Where the files go that are results of runs (`ctx.file`), and those of imports: `fileFolder({ folder })`, one for each
   * manager, closed by whoever made it, after the manager. Where several processes share the runs it is a folder that all of
   * them see. Unless given, files of runs in memory go to the system's temporary files, and those that outlive the process
   * cannot have any.
   */
  readonly files?: FileStore;
  /** Where hooks that throw, abandoned handlers and the like are reported. Nowhere unless given. */
  readonly logger?: Logger;
  /** For tests: where every time and timer comes from. The computer's clock unless given. */
  readonly clock?: Clock;
  /** For tests: draws jitter. `Math.random` unless given. */
  readonly random?: () => number;
}

/** What becomes of a start whose id is active, that is, whose run or handler has not ended. */
export type IfActive = 'error' | 'return' | 'replace';

/** What a run may be started with. */
export interface StartOptions {
  /** The run's id; made by the manager, sortable by time, unless given. */
  readonly id?: string;
  /**
   * `'error'` (default): refused with `RUN_CONFLICT`. `'return'`: the handle of the active run. `'replace'`: cancels
   * it, waits until its id is free, at most the manager's `graceMs`, and starts.
   */
  readonly ifActive?: IfActive;
  /** -1000 to 1000; higher goes first. The task's unless given. */
  readonly priority?: number;
  /** Begins this much later: 0 to ten years. */
  readonly delayMs?: number;
  /** A run that has not begun, or waits for another attempt, this long after its start fails with `QUEUE_EXPIRED`. */
  readonly expiresInMs?: number;
  /** A second start with the same key, task, input and options gives the first one's run; anything other is `KEY_REUSED`. */
  readonly idempotencyKey?: string;
  /** A hard limit of this run alone, in milliseconds from the start of each attempt: at least 1. The shorter of it and the task's counts. */
  readonly hardLimitMs?: number;
  /** At most 16. */
  readonly tags?: readonly string[];
  /** Whose run it is: a name for the application's own use. Idempotency keys are kept apart by it. */
  readonly owner?: string;
}

/** What an ad-hoc function may be started with: it has no task to say so. */
export interface AdHocOptions extends Omit<StartOptions, 'id'> {
  readonly queue?: string;
  readonly retry?: RetryPolicy;
  readonly softLimitMs?: number;
  readonly hardLimitMs?: number;
}

/** What `fireAndForget` takes for a task. */
export interface FireAndForgetOptions extends StartOptions {
  /** An attempt ends after so long. Default 60,000 ms, unless the task has a hard limit of its own. */
  readonly hardLimitMs?: number;
}

/** What `fireAndForget` takes for a function. */
export interface FireAndForgetFunctionOptions extends AdHocOptions {
  /** What the run's id begins with, for whoever looks at it. Default `'fire-and-forget'`. */
  readonly name?: string;
  /** An attempt ends after so long. Default 60,000 ms. */
  readonly hardLimitMs?: number;
}

/** What was handed to `fireAndForget` since the manager was made. */
export interface FireAndForgetCounts {
  /** Runs that were accepted. */
  readonly started: number;
  /** Starts that were refused. */
  readonly refused: number;
  /** Runs that ended as `failed`, as far as was heard here. */
  readonly failed: number;
  /** Neither refused nor ended yet. */
  readonly pending: number;
}

/** What `start` takes after a task: its input, which may be left out where the schema lets it be, and options. */
export type StartArguments<Input, Options = StartOptions> = undefined extends Input
  ? [input?: Input, options?: Options]
  : [input: Input, options?: Options];

/** Which runs `list` gives. */
export interface ListQuery {
  readonly status?: readonly RunStatus[];
  /** A task's name. */
  readonly task?: string;
  readonly tag?: string;
  /** Only runs of this owner. */
  readonly owner?: string;
  /** Only failed runs that were not redriven: the dead letters. */
  readonly deadLetters?: boolean;
  /** 1 to 200, default 50. */
  readonly limit?: number;
  /** A `nextCursor` of an earlier page of the same query. */
  readonly cursor?: string;
}

/** A page of runs, newest first. It may hold fewer than `limit`; only a missing `nextCursor` is the end. */
export interface RunPage {
  readonly items: readonly Run[];
  readonly nextCursor?: string;
}

/** What `events` takes. */
export interface EventsOptions {
  /** Only the events of this run, beginning with its present state and ending after its last. All runs' unless given. */
  readonly id?: string;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** How many runs there are, by status. */
export type StatusCounts = Readonly<Record<RunStatus, number>>;

/** What `counts` gives. */
export interface ManagerCounts {
  /** Over all tasks and ad-hoc functions. */
  readonly total: StatusCounts;
  /** By the task's name; ad-hoc functions are under `''`. */
  readonly tasks: Readonly<Record<string, StatusCounts>>;
  /** Handlers that hold a slot now, abandoned ones included. */
  readonly atWork: number;
  /** Of these, handlers whose run or attempt has ended without them. */
  readonly abandoned: number;
  /** Progress, logs, results and cancels that came after their run or attempt had ended, since the manager was made. */
  readonly dropped: number;
  readonly fireAndForget: FireAndForgetCounts;
}

/** What `close` left. */
export interface CloseReport {
  /** Runs that ended by themselves after `close` was called. */
  readonly completed: number;
  /** Runs that were at work when the grace was over, and were stopped or ended without their handler. */
  readonly interrupted: number;
  /** Runs that were waiting: kept on a durable backend, cancelled in memory. 0 where a server that keeps them is away. */
  readonly waiting: number;
  /** Handlers that are still at work. */
  readonly abandoned: number;
}

/** What a queue is doing. */
export interface QueueInfo {
  readonly name: string;
  readonly paused: boolean;
  /** Runs that are `queued` in it. */
  readonly queued: number;
}
