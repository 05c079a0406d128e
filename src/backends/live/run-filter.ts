import type { RunFilter, StoredRun } from '../../ports/backend.js';

/** Whether a run is one of those that are listed. */
export function matches(run: StoredRun, { status, task, tag, owner, deadLetters }: RunFilter): boolean {
  return (
    (status === undefined || status.includes(run.status)) &&
    (task === undefined || run.task === task) &&
    (tag === undefined || run.tags.includes(tag)) &&
    (owner === undefined || run.owner === owner) &&
    (!deadLetters || (run.status === 'failed' && run.redrivenBy === null))
  );
}
