import type { StoredRun } from '../ports/backend.js';
import { CRASH_DEFAULTS } from '../task/crash-policy.js';
import { TaskError } from '../task/errors.js';
import { NO_RETRY } from '../task/retry-policy.js';
import type { ResolvedTask } from '../task/task.js';

/** Never delivered on purpose; if it is all the same, the run fails and says why. */
export function unknownTask(run: StoredRun): ResolvedTask {
  const name = run.task ?? 'ad-hoc function';
  return {
    name,
    input: undefined,
    queue: run.queue,
    priority: 0,
    retry: NO_RETRY,
    limits: {},
    crash: CRASH_DEFAULTS,
    children: 'fail-fast',
    hooks: {},
    handler: () => {
      throw new TaskError('TASK_UNKNOWN', `This process knows no task ${name}`);
    },
  };
}
