import type { RunChange } from '../../../task/run-event.js';
import type { FleetRun } from '../runs/fleet-run.js';

/** What is told of a run that has come to where it is now. */
export function changeNow(run: FleetRun): RunChange {
  const { status, dueAt, cancel, abandoned } = run.state;
  switch (status) {
    case 'scheduled':
      return { type: 'run:scheduled', dueAt: dueAt ?? run.createdAt };
    case 'queued':
      return { type: 'run:queued' };
    case 'running':
      return { type: 'run:started' };
    case 'retrying':
      return { type: 'run:retrying', error: errorOf(run), dueAt: dueAt ?? run.state.updatedAt, abandoned };
    case 'cancelling':
      return { type: 'run:cancelling', reason: cancel?.reason ?? null, by: cancel?.by ?? 'caller' };
    case 'completed':
      return { type: 'run:completed' };
    case 'failed':
      return { type: 'run:failed', error: errorOf(run), abandoned };
    case 'cancelled':
      return { type: 'run:cancelled', reason: cancel?.reason ?? null, abandoned };
  }
}

function errorOf({ id, state }: FleetRun) {
  if (state.error === null) throw new Error(`run ${id} is ${state.status} without an error`);
  return state.error;
}
