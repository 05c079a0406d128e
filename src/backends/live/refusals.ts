import type { StoredRun } from '../../ports/backend.js';
import { TaskError } from '../../task/errors.js';
import { isFinal } from '../../task/status.js';

/** What is told of a run that stands in the way. */
type Named = Pick<StoredRun, 'id' | 'status'>;

/** RUN_CONFLICT: the id of a start is taken by a run that has not ended, or whose handler is still at work. */
export function idIsActive(run: Named): TaskError {
  const abandoned = isFinal(run.status);
  const why = abandoned ? 'has ended, but its handler is still at work' : `is ${run.status}`;
  return new TaskError('RUN_CONFLICT', `Run ${run.id} ${why}; wait, use another id, or start with ifActive`, {
    details: { runId: run.id, status: run.status, abandoned },
  });
}

/** MANAGER_CLOSED: nothing is accepted any more. */
export function isClosed(): TaskError {
  return new TaskError('MANAGER_CLOSED', 'The manager is closed and takes no new runs');
}

/** QUEUE_FULL: as many runs wait as may. */
export function queueIsFull(queueLimit: number): TaskError {
  return new TaskError('QUEUE_FULL', `No more than ${queueLimit} runs can wait; try again later`);
}

/** QUEUE_FULL: as many idempotency keys are kept as may be, and none of them can go. */
export function keysAreFull(maxKeys: number): TaskError {
  return new TaskError(
    'QUEUE_FULL',
    `No more than ${maxKeys} idempotency keys can be kept, and no run of theirs has ended; start without one, or try again later`,
  );
}

/** KEY_REUSED: the idempotency key of a start stands for this run, which was started with something else. */
export function keyIsReused({ id }: Pick<StoredRun, 'id'>): TaskError {
  return new TaskError(
    'KEY_REUSED',
    'This idempotency key was used before with another task, input or options; use a new key',
    { details: { runId: id } },
  );
}

/**
 * Refuses what cannot be redriven.
 *
 * @param redrivenBy the run that redrove it before, if any.
 * @throws {TaskError} RUN_CONFLICT when the run did not fail, or was redriven before.
 */
export function refuseRedrive({ id, status }: Named, redrivenBy: string | null): void {
  if (status !== 'failed')
    throw new TaskError('RUN_CONFLICT', `Only failed runs can be redriven; run ${id} is ${status}`);
  if (redrivenBy === null) return;
  throw new TaskError('RUN_CONFLICT', `Run ${id} was redriven before, as ${redrivenBy}`, { details: { redrivenBy } });
}
