import type { JsonValue } from '../task/json-value.js';
import type { ErrorCode } from '../task/errors.js';
import type { Progress, RunError, RunKind } from '../task/run.js';
import type { RunStatus } from '../task/status.js';

/** Why an attempt failed, on the wire. */
export interface RunErrorResource {
  readonly code: ErrorCode;
  /** Shown where it was written for callers, or the server exposes errors; otherwise "The handler failed". */
  readonly message: string;
  /** The attempt that failed, counted from 1; 0 where the run failed while it waited. */
  readonly attempt: number;
}

/** A failed attempt and when it failed, ISO 8601. */
export interface RunFailureResource extends RunErrorResource {
  readonly at: string;
}

/** A run on the wire. Instants are ISO 8601 in UTC, null where the thing has not happened. Inputs are never in it. */
export interface RunResource {
  readonly id: string;
  readonly kind: RunKind;
  readonly task: string | null;
  readonly queue: string;
  readonly status: RunStatus;
  readonly progress: Progress | null;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly parentId: string | null;
  readonly redriveOf: string | null;
  /** Only there once the failed run was redriven. */
  readonly redrivenBy?: string;
  readonly createdAt: string;
  readonly dueAt: string | null;
  readonly startedAt: string | null;
  readonly updatedAt: string;
  readonly finishedAt: string | null;
  readonly cancelRequestedAt: string | null;
  readonly cancelReason: string | null;
  readonly abandoned: boolean;
  /** Null in lists, before the end, and where JSON cannot express it. */
  readonly result: JsonValue;
  readonly error: RunErrorResource | null;
  /** The last 10. */
  readonly failures: readonly RunFailureResource[];
  readonly links: { readonly self: string; readonly events: string };
}

/** A page of runs on the wire, newest first; only a missing `nextCursor` is the end. */
export interface RunPageResource {
  readonly items: readonly RunResource[];
  readonly nextCursor?: string;
}

/** What is shown in the place of a message that was not written for callers. */
export const HIDDEN_MESSAGE = 'The handler failed';

/** Shows why an attempt failed; hides what was not written for callers, unless errors are exposed. */
export function toErrorResource(error: RunError, exposeErrors: boolean): RunErrorResource {
  const message = error.exposed || exposeErrors ? error.message : HIDDEN_MESSAGE;
  return { code: error.code, message, attempt: error.attempt };
}

let lastAt = NaN;
let lastIso = '';

/** An instant of epoch milliseconds as ISO 8601. */
export function toIso(at: number): string {
  // Most instants of a short run are the same one, and writing one costs as much as the rest of the run.
  if (at === lastAt) return lastIso;
  lastAt = at;
  return (lastIso = new Date(at).toISOString());
}
