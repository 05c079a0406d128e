import type { RunFilter, StoredRun } from '../../ports/backend.js';
import type { NewRun, RunParent } from '../../ports/new-run.js';
import type { StoredSchedule } from '../../ports/schedules.js';
import type { CancelledRequest, RunError } from '../../task/run.js';

/** What every cancel of the suite says. */
export const REQUEST: CancelledRequest = { by: 'suite', reason: 'enough' };

/** Lists all runs, on one page. */
export const EVERY_RUN: RunFilter = {
  status: undefined,
  task: undefined,
  tag: undefined,
  owner: undefined,
  deadLetters: false,
  limit: 50,
  cursor: undefined,
};

/** A run of the task `task` that is due at once. */
export function newRun(id: string): NewRun {
  return {
    id,
    idIsNew: false,
    kind: 'run',
    task: 'task',
    queue: 'default',
    input: { n: 1 },
    priority: 0,
    maxAttempts: 3,
    onCrash: 'retry',
    maxCrashes: 3,
    delayMs: 0,
    expiresInMs: null,
    tags: [],
    owner: null,
    idempotency: null,
    redriveOf: null,
    parent: null,
    hardLimitMs: null,
    checkpoint: null,
  };
}

/** What a child of this run, which nobody is the parent of, says of it. */
export function childOf({ id, ordinal }: StoredRun): RunParent {
  return { id, ordinal, depth: 1, key: null };
}

/** A schedule of the task `task` that is due at every full minute, as it is when it is new. */
export function newSchedule(id: string): StoredSchedule {
  return {
    id,
    version: 1,
    settings: {
      task: 'task',
      input: '{"n":1}',
      plan: { everyMs: 60_000, anchorAt: 0 },
      overlap: 'skip',
      catchUp: 'none',
      jitterMs: 0,
      priority: null,
      tags: ['nightly'],
      owner: null,
      expiresInMs: null,
    },
    paused: false,
    createdAt: 1,
    updatedAt: 1,
    cursorAt: 1,
    skipped: 0,
    waiting: [],
    lastRun: null,
    lastError: null,
  };
}

/** What an attempt of the suite fails with. */
export function errorOf(attempt: number): RunError {
  return { code: 'HANDLER_FAILED', name: 'Error', message: 'as told', attempt, exposed: false };
}
