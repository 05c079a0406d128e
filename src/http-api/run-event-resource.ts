import type { LogLevel, RunEvent } from '../task/run-event.js';
import type { Progress } from '../task/run.js';
import type { RunStatus } from '../task/status.js';
import { toErrorResource, toIso, type RunErrorResource } from './run-resource.js';

/**
 * The names of server-sent events.
 *
 * - `snapshot`: the run ({@link RunResource}); of the events of all runs, a page of them.
 * - `status`: the run has come into another status; of the events of all runs, final ones too.
 * - `progress`, `log`: what the handler said.
 * - `done`: the final run, with its result; the stream of one run ends with it.
 * - `reset`: events were missed; a `snapshot` follows.
 */
export type StreamEventName = 'snapshot' | 'status' | 'progress' | 'log' | 'done' | 'reset';

/** What `status`, `progress` and `log` all carry. */
export interface EventResourceBase {
  readonly runId: string;
  readonly task: string | null;
  readonly tags: readonly string[];
  readonly status: RunStatus;
  readonly attempt: number;
  /** Grows from event to event of a run. */
  readonly seq: number;
  /** ISO 8601. */
  readonly at: string;
}

/** The data of a `status` event. */
export interface StatusEventResource extends EventResourceBase {
  /** When it is to begin, or to be tried again: with `scheduled` and `retrying`. */
  readonly dueAt?: string;
  /** With `retrying` and `failed`. */
  readonly error?: RunErrorResource;
  /** With `cancelling` and `cancelled`. */
  readonly reason?: string | null;
  /** With `retrying` and final statuses: whether a handler was still at work. */
  readonly abandoned?: boolean;
}

/** The data of a `progress` event. */
export interface ProgressEventResource extends EventResourceBase {
  readonly progress: Progress;
}

/** The data of a `log` event. */
export interface LogEventResource extends EventResourceBase {
  readonly level: LogLevel;
  readonly message: string;
}

/** One change of a run on the wire: the name of the event and its data. */
export type RunEventResource =
  | { readonly name: 'status'; readonly data: StatusEventResource }
  | { readonly name: 'progress'; readonly data: ProgressEventResource }
  | { readonly name: 'log'; readonly data: LogEventResource };

/** Shows one change of a run. Messages of errors that were not written for callers are hidden unless exposed. */
export function toEventResource(event: RunEvent, exposeErrors: boolean): RunEventResource {
  const base: EventResourceBase = {
    runId: event.runId,
    task: event.task,
    tags: event.tags,
    status: event.status,
    attempt: event.attempt,
    seq: event.seq,
    at: toIso(event.at),
  };
  if (event.type === 'run:progress') return { name: 'progress', data: { ...base, progress: event.progress } };
  if (event.type === 'run:log') return { name: 'log', data: { ...base, level: event.level, message: event.message } };
  return { name: 'status', data: { ...base, ...statusDetails(event, exposeErrors) } };
}

function statusDetails(event: RunEvent, exposeErrors: boolean): Partial<StatusEventResource> {
  return {
    ...('dueAt' in event && { dueAt: toIso(event.dueAt) }),
    ...('error' in event && { error: toErrorResource(event.error, exposeErrors) }),
    ...('reason' in event && { reason: event.reason }),
    ...('abandoned' in event && { abandoned: event.abandoned }),
  };
}
