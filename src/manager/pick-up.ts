import type { Backend, StoredRun } from '../ports/backend.js';
import type { RunParent } from '../ports/new-run.js';
import type { CancelledRequest, Run } from '../task/run.js';
import { isFinal } from '../task/status.js';
import type { ChildTools } from './child-runs.js';
import { quiet } from './wait.js';

/** An attempt whose handler is about to be called. */
export interface PickedUp {
  readonly run: StoredRun;
  readonly mayBeRepeated: boolean;
  /** Cancels the attempt: its handler is not called, or sees its signal. */
  refuse(request: CancelledRequest): void;
  /** Gives the run back: its handler is not called. */
  interrupt(): void;
  takeOver(runs: readonly StoredRun[]): Promise<void>;
  /** Calls back when the attempt has been reported. */
  readonly record: { whenOver(callback: () => void): void };
}

const ORPHANED: CancelledRequest = { by: 'parent', reason: 'the parent has ended' };

/** Whether an attempt of this run may have been made before the present one. */
export function mayBeRepeated({ attempt, delays, begunBefore }: StoredRun, { durable }: Backend): boolean {
  return attempt > 1 || delays > 0 || (durable && begunBefore !== false);
}

/**
 * What comes before a handler is called: a child looks whether its parent is still there, and what an earlier attempt has
 * left is taken over. Undefined where there is nothing to do; never rejects.
 */
export function prepare(attempt: PickedUp, tools: ChildTools): Promise<void> | undefined {
  const { parent } = attempt.run;
  const away = parent !== null && !tools.here.has(parent) ? parent : undefined;
  const earlier = attempt.mayBeRepeated ? openChildrenOf(attempt.run, tools) : NOBODY;
  if (away === undefined && !(earlier instanceof Promise) && earlier.length === 0) return undefined;
  return prepareLater(attempt, tools, { away, earlier });
}

/** A run has ended outside of an attempt: nobody else would end the children that it has left. */
export async function cancelChildrenOf(run: StoredRun, tools: ChildTools): Promise<void> {
  const { backend } = tools.source;
  try {
    // What ends while a backend takes up what an earlier process has left: nobody is known yet.
    const opening = tools.open();
    if (opening instanceof Promise) await opening;
    for (const { id, ordinal } of await openChildrenOf(run, tools)) await backend.cancel(id, ORPHANED, ordinal);
  } catch (err) {
    // At their next pick-up they are found to have no parent.
    tools.logger?.warn({ runId: run.id, err }, 'The children of a run that has ended could not be cancelled');
  }
}

/** What it throws is told by a promise. */
function openChildrenOf(run: StoredRun, { source }: ChildTools): readonly StoredRun[] | Promise<readonly StoredRun[]> {
  try {
    return source.backend.childrenOf(run, 'unended');
  } catch (error) {
    return Promise.resolve().then(() => {
      throw error;
    });
  }
}

const NOBODY: readonly StoredRun[] = [];

interface Before {
  readonly away: RunParent | undefined;
  readonly earlier: readonly StoredRun[] | Promise<readonly StoredRun[]>;
}

async function prepareLater(attempt: PickedUp, tools: ChildTools, { away, earlier }: Before): Promise<void> {
  // It may reject before it is waited for.
  if (earlier instanceof Promise) void quiet(earlier);
  try {
    if (away !== undefined && !(await watchParent(attempt, away, tools))) return;
    const left = await earlier;
    if (left.length > 0) await attempt.takeOver(left);
  } catch (err) {
    // It goes on: where the backend is away for long, its lease is lost.
    tools.logger?.warn({ runId: attempt.run.id, err }, 'It could not be seen what belongs to a run that begins');
  }
}

/** @returns false where the parent has ended, so that the child is cancelled. */
async function watchParent(attempt: PickedUp, { id, ordinal }: RunParent, tools: ChildTools): Promise<boolean> {
  const { source, logger } = tools;
  const { backend } = source;
  const parent = await backend.find(id);
  if (parent === undefined || parent.ordinal !== ordinal || isFinal(parent.status)) {
    try {
      await cancelOrphan(attempt, backend);
    } catch (err) {
      // Whoever takes it next looks again: it must not begin.
      logger?.warn(
        { runId: attempt.run.id, err },
        'A child whose parent has ended could not be cancelled; it is tried again',
      );
      attempt.interrupt();
    }
    return false;
  }
  const onEnd = (ended: Run): void => {
    if (isFinal(ended.status)) cancelOrphan(attempt, backend).catch(() => undefined);
  };
  backend.watch(parent, 'final', onEnd);
  attempt.record.whenOver(() => backend.unwatch(parent, 'final', onEnd));
  return true;
}

/** The backend first: it is the one that says how a run has ended. */
async function cancelOrphan(attempt: PickedUp, backend: Backend): Promise<void> {
  const { id, ordinal } = attempt.run;
  await backend.cancel(id, ORPHANED, ordinal);
  attempt.refuse(ORPHANED);
}
