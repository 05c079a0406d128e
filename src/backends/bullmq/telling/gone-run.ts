import { FleetRun, type RunState } from '../runs/fleet-run.js';
import type { Interest } from './interests.js';

/**
 * A run whose record was removed, or replaced by the next run of its id, before this process read how it ended. What its
 * last event said is all that is known; a result is lost, and that is better told than left out.
 */
export function goneRun({ run, seq, last }: Interest, now: number): FleetRun {
  const state: RunState = {
    ...run.state,
    version: seq + 1,
    updatedAt: last?.at ?? now,
    finishedAt: last?.at ?? now,
    dueAt: null,
    active: false,
    status: 'failed',
    error: {
      name: 'TaskError',
      exposed: true,
      code: 'RUN_NOT_FOUND',
      message: 'The run has ended, and its record was removed before it was read',
      attempt: run.attempt,
    },
  };
  if (last?.type === 'run:failed') state.error = last.error;
  if (last?.type === 'run:cancelled') {
    state.status = 'cancelled';
    state.cancel ??= { by: 'caller', reason: last.reason, at: last.at };
  }
  return new FleetRun(run.origin, state, () => run.input);
}
