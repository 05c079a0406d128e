import { TaskError } from '../../task/errors.js';
import type { StoredRecord } from './stored-record.js';

/** So far may the version of a run be behind what was told of it when its process was killed. */
const VERSIONS_LOST = 1_000_000;

/** What becomes of a run that was found in the file: it waits on, as it was or changed, or it ends. */
export type Fate =
  | { readonly type: 'waits'; readonly changed: boolean }
  | { readonly type: 'cancelled' }
  | { readonly type: 'fails'; readonly error: TaskError };

/**
 * Puts a run that has not ended back into a waiting status, after the process that held it has died: its attempt is
 * made again and not counted; the crash is.
 */
export function recover(record: StoredRecord): Fate {
  const { status } = record;
  const wasAtWork = status === 'running' || status === 'cancelling';
  // What was told of a run that waits was in the file before; writing a hundred thousand of them again would take seconds.
  const changed = wasAtWork || record.rare?.abandoned === true;
  if (changed) record.version += VERSIONS_LOST;
  // A handler that was still at work died with its process.
  if (record.rare !== null) record.rare.abandoned = false;
  if (!wasAtWork) return waitsUnlessAdHoc(record, changed);
  record.status = 'queued';
  record.seldom.repeat = true;
  if (status === 'cancelling') return { type: 'cancelled' };
  record.crashes += 1;
  const { onCrash, maxCrashes } = record.policy;
  if (onCrash === 'fail') return { type: 'fails', error: interrupted() };
  if (record.crashes <= maxCrashes) return { type: 'waits', changed };
  return {
    type: 'fails',
    error: new TaskError('CRASHED', `The process died ${record.crashes} times while the run was at work`),
  };
}

/** The function of an ad-hoc run has died with its process. */
function waitsUnlessAdHoc(record: StoredRecord, changed: boolean): Fate {
  return record.task === null && record.kind === 'run'
    ? { type: 'fails', error: interrupted() }
    : { type: 'waits', changed };
}

function interrupted(): TaskError {
  return new TaskError('RUN_INTERRUPTED', 'The process that held the run has ended');
}
