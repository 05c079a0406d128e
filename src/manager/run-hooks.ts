import type { StoredRun } from '../ports/backend.js';
import type { Logger } from '../ports/logger.js';
import type { Run } from '../task/run.js';
import type { RunHooks } from '../task/task.js';

/** Calls the hooks of a run that has ended. None of them can change anything. */
export function callHooks(run: StoredRun, { onFailed, onSettled }: RunHooks, logger: Logger | undefined): void {
  if (onFailed && run.status === 'failed') guard('onFailed', run, logger, (snapshot) => onFailed(snapshot, run.cause));
  if (onSettled) guard('onSettled', run, logger, onSettled);
}

function guard(hook: string, run: StoredRun, logger: Logger | undefined, call: (snapshot: Run) => unknown): void {
  const failed = (error: unknown): void => {
    logger?.error({ runId: run.id, task: run.task, err: error }, `The hook ${hook} failed`);
  };
  // In a microtask: a hook that is slow or starts runs of its own does not stand between a run and its successor.
  Promise.resolve(run.snapshot()).then(call).catch(failed);
}
