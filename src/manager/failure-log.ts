import type { StoredRun } from '../ports/backend.js';
import type { Logger } from '../ports/logger.js';
import type { ErrorCode } from '../task/errors.js';

/** What follows from what whoever started the run has sent, or asked for: where in the code it came out tells nothing. */
const CALLERS_OWN: readonly ErrorCode[] = ['INPUT_INVALID', 'QUEUE_EXPIRED'];

/** Logs that a run has failed: with what was thrown, stack and all, where somebody may have something to mend. */
export function logFailure(run: StoredRun, logger: Logger): void {
  const { id, task, cause } = run;
  const { error } = run.snapshot();
  const why =
    error !== null && CALLERS_OWN.includes(error.code) ? { code: error.code, reason: error.message } : { err: cause };
  logger.warn({ runId: id, task, ...why }, 'A run failed');
}
