import type { CancelledRequest, Progress, Run, RunError, RunKind } from '../task/run.js';
import type { LogLine, RunEvent } from '../task/run-event.js';
import type { TaskLimits } from '../task/task.js';
import type { Checkpoint } from './checkpoint.js';
import type { Clock } from './clock.js';
import type { RunFilter, StoredPage, StoredQueue, TaskCounts } from './lists.js';
import type { Logger } from './logger.js';
import type { Lease } from './lease.js';
import type { NewRun } from './new-run.js';
import type { ScheduleStore } from './schedules.js';
import type { SlotLender } from './slot-lender.js';
import type { Accepted, MaybePromise, StoredRun } from './stored-run.js';

export type { Lease } from './lease.js';
export type { RunFilter, StoredPage, StoredQueue, TaskCounts } from './lists.js';
export type { Accepted, MaybePromise, StoredRun } from './stored-run.js';

/** What became of an attempt. On a run that is `cancelling` every one of them ends it as `cancelled`. */
export type Outcome =
  | { readonly type: 'completed'; readonly value: unknown }
  | { readonly type: 'failed'; readonly error: RunError; readonly cause: unknown }
  | {
      readonly type: 'retry';
      readonly error: RunError;
      readonly cause: unknown;
      readonly delayMs: number;
      readonly usesAttempt: boolean;
    }
  /** A cancelled handler that has not settled within its grace. */
  | { readonly type: 'cancelled' }
  /** The manager closes: back to `queued` where runs are durable, otherwise `failed` with this error. */
  | { readonly type: 'interrupted'; readonly error: RunError };

/** What holds a delivered run. */
export interface Holder {
  /** Begins the attempt. Called once after `take`, as soon as it is kept that the run is running. */
  begin(): void;
  /** A cancel was requested; the run is `cancelling`. Called once. */
  cancel(request: CancelledRequest): void;
  /**
   * The lease is lost: somebody else may hold the run; what is reported from now on is dropped. Before `begin`: the
   * attempt will never begin, nothing will be reported, and its slot is free.
   */
  lost(): void;
}

/** What `work` is given. */
export interface WorkOptions {
  /** How many more runs of this kind and task may be delivered now. Asked before each delivery. */
  readonly freeSlots: (kind: RunKind, task: string | null) => number;
  /**
   * What is to hold for all processes together where several share the runs of a task: no more of its handlers at work
   * than `concurrency`, no more attempts begun than `rate` says. Undefined where there is no such limit, or it is not
   * known. Backends of one process need not ask: there `freeSlots` is enough.
   */
  readonly limitsOf?: (task: string) => Pick<TaskLimits, 'concurrency' | 'rate'> | undefined;
  /** Takes a run that has just become `running`. Must not throw. */
  readonly take: (run: StoredRun, lease: Lease) => Holder;
}

/** A process's readiness to take runs. */
export interface Worker {
  /** A slot may have become free: look again. Cheap, and may be called for nothing. */
  wake(): void;
  /** No run is delivered from now on. */
  stop(): void;
}

/** Limits on what a backend keeps; see `RetentionOptions` for their meaning. */
export interface Retention {
  readonly keepResultMs: number;
  readonly maxFinished: number;
  readonly keepFailedMs: number;
  readonly maxFailed: number;
  readonly keepKeyMs: number;
  readonly maxKeys: number;
}

/** What a backend tells the manager of this process, always, whether anybody listens or not. */
export interface BackendObserver {
  /** A run has ended. Must not throw. */
  settled(run: StoredRun): void;
  /** The record of an ended run was removed: its files can go. Must not throw. */
  forgotten(run: StoredRun): void;
  /** A cancel came for a run that had ended, and changed nothing. Must not throw. */
  cancelledLate(run: StoredRun): void;
}

/** What a backend works with. */
export interface BackendEnvironment {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** How many runs may be `scheduled`, `queued` or `retrying`. */
  readonly queueLimit: number;
  readonly retention: Retention;
  readonly observer: BackendObserver;
}

/** The two moments of a run that can be waited for: it has ended; and its handler has settled too, so its id is free. */
export type Moment = 'final' | 'free';

/** Told that a moment has come. */
export type Watcher = (run: Run) => void;

/**
 * Where runs live and how they reach a handler. A backend *delivers*: it owns order, due times, retry waits, leases,
 * ids and their claims, idempotency, records, lists and retention; it never sees the manager, which owns slots,
 * attempts, signals, limits and grace. Everything it does to a run follows the table of transitions.
 */
export interface Backend extends ScheduleStore, SlotLender {
  readonly name: string;
  /** Whether waiting and interrupted runs outlive the process. */
  readonly durable: boolean;
  /**
   * Whether several processes may use what it keeps at the same time. Then a run may be handled in another process than the
   * one that has accepted it, and files of imports are in a folder that all of them see. False unless given.
   */
  readonly shared?: boolean;
  /** What tells the place where its runs live from all others; null where they go with the process. Known once it is open. */
  readonly storeId: string | null;

  /** May be called again after it has failed. @throws {TaskError} BACKEND when what it keeps runs in cannot be used. */
  open(environment: BackendEnvironment): MaybePromise<void>;

  /**
   * Asks, once it is open, whether runs can be accepted and read now. Left out where nothing can come between. It answers
   * within two seconds, whatever the server does.
   *
   * @throws {TaskError} BACKEND when they cannot.
   */
  check?(): MaybePromise<void>;

  /**
   * Accepts a run: what that promises is the backend's to say. An ended run's record under the same id is replaced;
   * the new run's `version` is higher than the old one's, and its `ordinal` tells both apart.
   *
   * An active id is refused; `'return'` gives its run instead. `'replace'` refuses it so that the caller may cancel that
   * run and come again; but QUEUE_FULL comes first where this would make no room, so that nothing is cancelled in vain.
   *
   * @throws {TaskError} RUN_CONFLICT when the id is active (`details.abandoned` where only a handler keeps it);
   * KEY_REUSED when the key stands for something else; QUEUE_FULL when too many runs wait; BACKEND when it cannot, and
   * as `unconfirmedStart` says where the run may still be delivered, because nobody knows whether it is kept.
   */
  accept(run: NewRun, ifActive: 'error' | 'return' | 'replace'): MaybePromise<Accepted>;

  /**
   * Accepts `run` for a failed one, and marks that as redriven, both or neither.
   *
   * @throws {TaskError} RUN_CONFLICT when `failed` has not failed or was redriven; else as `accept`.
   */
  redrive(failed: StoredRun, run: NewRun): MaybePromise<Accepted>;

  find(id: string): MaybePromise<StoredRun | undefined>;
  /** @throws {RangeError} when the cursor is none of this backend's. */
  list(filter: RunFilter): MaybePromise<StoredPage>;
  counts(): MaybePromise<readonly TaskCounts[]>;
  /** Every run of this kind whose record is kept, perhaps without input and result: for whoever keeps files for them. */
  runsOf(kind: RunKind): MaybePromise<readonly StoredRun[]>;

  /**
   * The children of this very run (not of another one of its id) whose records are kept, in the order of acceptance.
   *
   * @param which `'unended'`: only those that have no final status.
   */
  childrenOf(parent: StoredRun, which: 'all' | 'unended'): MaybePromise<readonly StoredRun[]>;

  /**
   * Ends a waiting run, asks the holder of a running one, leaves an ended one alone; gives the run as it is then.
   *
   * @param ordinal only the run with this one: another run of the id is left alone, and the answer is undefined.
   */
  cancel(id: string, request: CancelledRequest, ordinal?: number): MaybePromise<StoredRun | undefined>;

  pause(queue: string): MaybePromise<void>;
  resume(queue: string): MaybePromise<void>;
  /** At least those that are paused or that a kept run names. */
  queues(): MaybePromise<readonly StoredQueue[]>;

  /** Begins to deliver. Called once, or never: by a manager that only accepts, reads and cancels. */
  work(options: WorkOptions): Worker;

  /**
   * Reports what became of an attempt. `held`: its handler is still at work, so the run's id stays taken, and the next
   * attempt does not begin, until `release`.
   *
   * @returns false where the lease is no longer valid and nothing was recorded.
   */
  settle(lease: Lease, outcome: Outcome, held: boolean): MaybePromise<boolean>;
  /** The handler of an attempt that was settled as `held` has settled. */
  release(lease: Lease): MaybePromise<void>;
  /** Records how far an attempt has come. Dropped where the lease is no longer valid. */
  progress(lease: Lease, progress: Progress): void;
  /**
   * Keeps how far an attempt has come, and counts its crashes anew. The answer comes when that is kept: it will be there
   * whatever becomes of this process.
   *
   * @returns false where the lease is no longer valid and nothing was kept.
   */
  checkpoint(lease: Lease, checkpoint: Checkpoint): MaybePromise<boolean>;
  /** The steps of the run that are kept, by their keys: what `keepStep` was given. Empty where the lease is no longer valid. */
  stepsOf(lease: Lease): MaybePromise<ReadonlyMap<string, string>>;
  /**
   * Keeps the text of a step with the run until that has ended, and counts its crashes anew. The first text of a key stays:
   * a later one is dropped. The answer comes when it is kept: it will be there whatever becomes of this process.
   *
   * @returns the text that is kept under this key; undefined where the lease is no longer valid and nothing was kept.
   */
  keepStep(lease: Lease, key: string, text: string): MaybePromise<string | undefined>;
  /** Passes a line of a handler's log on as an event. Dropped where the lease is no longer valid. */
  log(lease: Lease, line: LogLine): void;

  /**
   * Calls back once, with the run as it ended, in this turn where it has ended already; with the run as it is, where the
   * backend closes first. The callback must not throw.
   */
  watch(run: StoredRun, moment: Moment, callback: Watcher): void;
  unwatch(run: StoredRun, moment: Moment, callback: Watcher): void;
  /** The events of one run, or with null of all. The listener must not throw. */
  subscribe(run: StoredRun | null, listener: (event: RunEvent) => void): () => void;

  /**
   * Accepts nothing more. Waiting runs stay (durable) or are cancelled with the reason `closed`; tells how many. Called
   * again when the attempts at work have ended, for those of their runs that wait by then.
   */
  retire(): MaybePromise<number>;
  /** Lets go of files, connections and timers. Called last. */
  close(): MaybePromise<void>;
}
