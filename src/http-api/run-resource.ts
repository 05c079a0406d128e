import type { JsonValue } from '../task/json-conversion.js';
import type { Run, RunError } from '../task/run.js';

/** Why an attempt failed, on the wire. */
export interface RunErrorResource extends Pick<RunError, 'code' | 'attempt'> {
  /** Shown where it was written for callers, or the server exposes errors; otherwise "The handler failed". */
  readonly message: string;
}

/** A failed attempt and when it failed, ISO 8601. */
export interface RunFailureResource extends RunErrorResource {
  readonly at: string;
}

type OnTheWire<Instant> = Instant extends null ? null : string;

/** What of a run goes over the wire as it is. */
type PlainMember =
  | 'id'
  | 'kind'
  | 'task'
  | 'queue'
  | 'status'
  | 'progress'
  | 'attempt'
  | 'maxAttempts'
  | 'priority'
  | 'tags'
  | 'parentId'
  | 'redriveOf'
  | 'cancelReason'
  | 'abandoned';

/** What of a run goes over the wire as ISO 8601, in UTC; null where the thing has not happened. */
type InstantMember = 'createdAt' | 'dueAt' | 'startedAt' | 'updatedAt' | 'finishedAt' | 'cancelRequestedAt';

/** A run on the wire. Inputs are never in it. */
export interface RunResource
  extends Pick<Run, PlainMember>, Readonly<{ [Member in InstantMember]: OnTheWire<Run[Member]> }> {
  /** Only there once the failed run was redriven. */
  readonly redrivenBy?: string;
  /**
   * Null in lists, before the end, and where JSON cannot express it. Of a file `{ "file": { "name", "type", "bytes" } }`:
   * its bytes are behind `links.result`.
   */
  readonly result: JsonValue;
  readonly error: RunErrorResource | null;
  /** The last 10. */
  readonly failures: readonly RunFailureResource[];
  readonly links: {
    readonly self: string;
    readonly events: string;
    /** Where the result is a file, and shown. */
    readonly result?: string;
  };
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
