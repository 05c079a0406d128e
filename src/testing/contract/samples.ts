import type { NewRun } from '../../ports/new-run.js';
import type { CancelledRequest, RunError } from '../../task/run.js';

/** What every cancel of the suite says. */
export const REQUEST: CancelledRequest = { by: 'suite', reason: 'enough' };

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
  };
}

/** What an attempt of the suite fails with. */
export function errorOf(attempt: number): RunError {
  return { code: 'HANDLER_FAILED', name: 'Error', message: 'as told', attempt, exposed: false };
}
