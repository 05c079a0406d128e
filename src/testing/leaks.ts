import type { TaskManager } from 'errand';
import type { StoredRun } from '../ports/backend.js';
import type { Run } from '../task/run.js';
import { RUN_STATUSES, isFinal } from '../task/status.js';
import type { GatedBackend } from './gated-backend.js';

/** More of them would not help whoever reads the message. */
const MAX_NAMED = 10;
const LIVE = RUN_STATUSES.filter((status) => !isFinal(status));

/** Thrown by `close` of a test manager when the test has left something behind. */
export class LeakError extends Error {
  override readonly name = 'LeakError';
  /** What was left, one line each. */
  readonly leaks: readonly string[];

  constructor(leaks: readonly string[]) {
    super(`The test has left behind:\n${leaks.map((leak) => `- ${leak}`).join('\n')}`);
    this.leaks = leaks;
  }
}

/** Thrown by `settleAll` when runs do not end. */
export class UnsettledError extends Error {
  override readonly name = 'UnsettledError';
  /** The runs that have not ended, oldest first: ten at most. */
  readonly runs: readonly Run[];

  constructor(why: string, left: readonly Unfinished[]) {
    super(`${why}:\n${left.map(({ said }) => `- ${said}`).join('\n')}`);
    this.runs = left.map(({ run }) => run);
  }
}

/** A run that has not ended, and what it waits for. */
interface Unfinished {
  readonly run: Run;
  readonly said: string;
}

/** The runs that have not ended, oldest first: at most ten. */
export async function unfinishedRuns(manager: TaskManager, gate: GatedBackend): Promise<Unfinished[]> {
  const { items } = await manager.list({ status: LIVE, limit: MAX_NAMED });
  const paused = (await manager.queues.list()).filter((queue) => queue.paused).map(({ name }) => name);
  return items.toReversed().map((run) => ({ run, said: `${nameOf(run)} ${whatHolds(run, paused, gate)}` }));
}

/** The handlers that are at work although their runs have ended. */
export function leftHandlers(atWork: readonly StoredRun[]): string[] {
  return atWork.filter(({ status }) => isFinal(status)).map((run) => `a handler of ${nameOf(run)} is still at work`);
}

function nameOf({ id, task }: Pick<Run, 'id' | 'task'>): string {
  return `run ${id} (${task ?? 'ad-hoc function'})`;
}

function whatHolds(run: Run, paused: readonly string[], gate: GatedBackend): string {
  const { status, queue, dueAt, attempt, kind, task } = run;
  if (status === 'running' || status === 'cancelling')
    return `is ${status}: its handler is at work, in attempt ${attempt}, and nothing wakes it`;
  if (status !== 'queued') return `is ${status}, due at ${new Date(dueAt ?? 0).toISOString()}`;
  if (paused.includes(queue)) return `is queued: the queue ${queue} is paused`;
  return gate.hasSlot(kind, task)
    ? 'is queued, and nothing has let it begin'
    : 'is queued: no slot is free for its task, or nobody has registered that';
}
