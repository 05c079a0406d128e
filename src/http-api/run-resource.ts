import { toJsonValue, type JsonValue } from '../task/json-value.js';
import type { ErrorCode } from '../task/errors.js';
import type { Progress, Run, RunError, RunFailure, RunKind } from '../task/run.js';
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

/** How a run is shown. */
export interface RunView {
  /** The path under which runs are found, without a slash at its end: `/process`. */
  readonly base: string;
  /** Whether messages of errors that were not written for callers are shown. */
  readonly exposeErrors: boolean;
  /** Whether the result is shown. */
  readonly withResult: boolean;
}

/** Shows a run as §5 of the contract has it. Never throws, whatever the result is. */
export function toRunResource(run: Omit<Run, 'result'> & { readonly result?: unknown }, view: RunView): RunResource {
  const self = `${view.base}/${run.id}`;
  return {
    id: run.id,
    kind: run.kind,
    task: run.task,
    queue: run.queue,
    status: run.status,
    progress: run.progress,
    attempt: run.attempt,
    maxAttempts: run.maxAttempts,
    priority: run.priority,
    tags: run.tags,
    parentId: run.parentId,
    redriveOf: run.redriveOf,
    ...(run.redrivenBy !== null && { redrivenBy: run.redrivenBy }),
    createdAt: toIso(run.createdAt),
    dueAt: toIsoOrNull(run.dueAt),
    startedAt: toIsoOrNull(run.startedAt),
    updatedAt: toIso(run.updatedAt),
    finishedAt: toIsoOrNull(run.finishedAt),
    cancelRequestedAt: toIsoOrNull(run.cancelRequestedAt),
    cancelReason: run.cancelReason,
    abandoned: run.abandoned,
    result: view.withResult ? jsonOrNull(run.result) : null,
    error: run.error && toErrorResource(run.error, view.exposeErrors),
    failures:
      run.failures.length === 0 ? NO_FAILURES : run.failures.map((failure) => toFailure(failure, view.exposeErrors)),
    links: { self, events: `${self}/events` },
  };
}

const NO_FAILURES: readonly RunFailureResource[] = [];

/** Shows why an attempt failed; hides what was not written for callers, unless errors are exposed. */
export function toErrorResource(error: RunError, exposeErrors: boolean): RunErrorResource {
  const message = error.exposed || exposeErrors ? error.message : 'The handler failed';
  return { code: error.code, message, attempt: error.attempt };
}

function toFailure(failure: RunFailure, exposeErrors: boolean): RunFailureResource {
  return { ...toErrorResource(failure, exposeErrors), at: toIso(failure.at) };
}

/** An instant of epoch milliseconds as ISO 8601. */
export function toIso(at: number): string {
  return new Date(at).toISOString();
}

/** As {@link toIso}; null stays null. */
export function toIsoOrNull(at: number | null): string | null {
  return at === null ? null : toIso(at);
}

function jsonOrNull(result: unknown): JsonValue {
  if (result === undefined || result === null) return null;
  const converted = toJsonValue(result);
  return converted.ok ? converted.value : null;
}
