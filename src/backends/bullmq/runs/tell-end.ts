import type { BackendEnvironment } from '../../../ports/backend.js';
import type { RunChange } from '../../../task/run-event.js';
import type { FleetRun } from './fleet-run.js';

/** What is told of runs, to this process and to the others. */
export interface Teller {
  tell(run: FleetRun, change: RunChange): void;
  /** It has its final status; where it is not `active`, no handler of it is at work, either. */
  ended(run: FleetRun): void;
}

/** Who is told that a run has ended. */
export interface EndListeners {
  readonly teller: Teller;
  readonly observer: BackendEnvironment['observer'];
}

/** The end of a run is kept: everybody is told. */
export function tellEnd(run: FleetRun, { teller, observer }: EndListeners): void {
  teller.tell(run, lastChange(run));
  observer.settled(run);
  teller.ended(run);
}

/** What is told of a run that has just ended. */
function lastChange({ state }: FleetRun): RunChange {
  const { status, cancel, abandoned, error } = state;
  if (status === 'completed') return { type: 'run:completed' };
  if (status === 'cancelled') return { type: 'run:cancelled', reason: cancel?.reason ?? null, abandoned };
  if (error === null) throw new Error('a run failed without an error');
  return { type: 'run:failed', error, abandoned };
}
