import { noCounts, RUN_STATUSES, type RunStatus } from '../task/status.js';
import type { ManagerCore } from './manager-core.js';
import type { ManagerCounts, StatusCounts } from './manager-options.js';

/** Adds up what the backend counts by task and queue, and puts the manager's own counts beside it. */
export async function countRuns(core: ManagerCore): Promise<ManagerCounts> {
  await core.open();
  const total = noCounts();
  const tasks = new Map<string, Record<RunStatus, number>>();
  for (const { task, counts } of await core.backend.counts()) {
    const ofTask = tasks.get(task ?? '') ?? noCounts();
    tasks.set(task ?? '', ofTask);
    for (const status of RUN_STATUSES) {
      total[status] += counts[status];
      ofTask[status] += counts[status];
    }
  }
  const { abandoned, dropped } = core.tally;
  return {
    total,
    tasks: ownMembers(tasks),
    atWork: core.atWork,
    abandoned,
    dropped,
    fireAndForget: core.fireAndForget.counts,
  };
}

/** A task may be called `__proto__`. */
function ownMembers(tasks: Map<string, StatusCounts>): Record<string, StatusCounts> {
  return Object.fromEntries(tasks);
}
