import type { ErrorCode } from './errors.js';
import type { RunStatus } from './status.js';

/** How far an attempt has come, in counts, never in per cent. */
export interface Progress {
  readonly done: number;
  /** How many there will be, or null where nobody knows yet. */
  readonly total: number | null;
  readonly note: string | null;
}

/** Why an attempt, and with it perhaps the run, failed. */
export interface RunError {
  readonly code: ErrorCode;
  /** The name of the error that was thrown, such as `TypeError`. */
  readonly name: string;
  readonly message: string;
  /** The attempt that failed, counted from 1; 0 where the run failed while it waited. */
  readonly attempt: number;
  /** Whether the message was written for callers (a `TaskError`'s), or may hold anything (every other error's). */
  readonly exposed: boolean;
}

/** A {@link RunError} and when it happened. */
export interface RunFailure extends RunError {
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What a run is: the work of one task, or an import that feeds the records of a file to a task. */
export type RunKind = 'run' | 'import';

/** How many of a run's last failures are kept. */
export const MAX_FAILURES = 10;

/**
 * A snapshot of a run: how it was at one moment. It never changes afterwards. Instants are epoch milliseconds, null
 * where the thing has not happened.
 */
export interface Run {
  readonly id: string;
  /** Grows with everything that happens to the run: the `seq` of its last event. */
  readonly version: number;
  readonly kind: RunKind;
  /** The task's name; null for an ad-hoc function. */
  readonly task: string | null;
  readonly queue: string;
  readonly status: RunStatus;
  readonly progress: Progress | null;
  /** The present or last attempt, counted from 1; 0 before the first. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** -1000 to 1000; higher goes first. */
  readonly priority: number;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly parentId: string | null;
  /** The failed run that this one was started for. */
  readonly redriveOf: string | null;
  /** The run that was started for this failed one: the only member of a final snapshot that may still change. */
  readonly redrivenBy: string | null;
  readonly createdAt: number;
  /** When it is to begin, or to be tried again. */
  readonly dueAt: number | null;
  /** When its present or last attempt began. */
  readonly startedAt: number | null;
  readonly updatedAt: number;
  readonly finishedAt: number | null;
  readonly cancelRequestedAt: number | null;
  readonly cancelReason: string | null;
  /** True where a handler of it was still at work when the run, or its attempt, was ended. */
  readonly abandoned: boolean;
  /**
   * What the handler returned; undefined where there is no value. In the process where it was returned it is the thing
   * itself: whoever changes it changes it for everybody.
   */
  readonly result: unknown;
  readonly error: RunError | null;
  /** The last {@link MAX_FAILURES} failed attempts, oldest first. */
  readonly failures: readonly RunFailure[];
}

/** Who asks for a cancel, and why. */
export interface CancelRequest {
  /** Free text, at most 500 characters; shown to whoever looks at the run. */
  readonly reason?: string;
  /** Who asks; `'caller'` unless given. */
  readonly by?: string;
}

/** A {@link CancelRequest} that was checked, with its defaults filled in. */
export interface CancelledRequest {
  readonly reason: string | null;
  readonly by: string;
}
