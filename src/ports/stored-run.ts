import type { Run, RunKind } from '../task/run.js';
import type { RunStatus } from '../task/status.js';
import type { Checkpoint } from './checkpoint.js';
import type { RunParent } from './new-run.js';

/** A value, or a promise of it: what answers at once costs no turn of the event loop. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * A run as a backend knows it. A live view: its members may change between two looks. `snapshot()` fixes them.
 */
export interface StoredRun {
  readonly id: string;
  readonly kind: RunKind;
  readonly task: string | null;
  readonly queue: string;
  readonly status: RunStatus;
  readonly input: unknown;
  readonly priority: number;
  readonly attempt: number;
  /** How often the handler asked, with `RetryLaterError`, for a delay that used no attempt. */
  readonly delays: number;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly idempotencyKey: string | null;
  /** Where it stands in the backend's order of acceptance: an integer, larger than that of any run before it. */
  readonly ordinal: number;
  readonly createdAt: number;
  readonly redrivenBy: string | null;
  /** Null for a run that is nobody's child. */
  readonly parent: RunParent | null;
  /** Its own hard limit, in milliseconds, beside the task's; null without one. */
  readonly hardLimitMs: number | null;
  /** The last one that was kept, or the one it was accepted with; kept as long as the run. */
  readonly checkpoint: Checkpoint | null;
  /** How many processes have died at it since that was kept; undefined where nobody counts. */
  readonly crashes?: number;
  /**
   * Whether a handler may have been called for it before it was delivered now: then what that has started is looked for.
   * Undefined where nobody says: it may have been, on a backend that outlives its process.
   */
  readonly begunBefore?: boolean;
  /** What the last failed attempt threw: the thing itself in the process where it was thrown. */
  readonly cause: unknown;
  snapshot(): Run;
}

/** The answer to `accept`. */
export interface Accepted {
  readonly run: StoredRun;
  /** The run is an earlier one: of the same idempotency key, or the active one under `ifActive: 'return'`. */
  readonly replayed: boolean;
}
