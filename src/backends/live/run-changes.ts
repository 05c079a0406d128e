import type { RunChange } from '../../task/run-event.js';
import type { RunRecord } from './run-record.js';

/** What is told of a run that is queued. */
export const QUEUED = () => ({ type: 'run:queued' }) as const;

/** What is told of a run that is delivered. */
export const STARTED = () => ({ type: 'run:started' }) as const;

/** What is told of a run that has just ended. */
export function lastChange(record: RunRecord): RunChange {
  const { status } = record;
  const abandoned = record.rare?.abandoned ?? false;
  const error = record.rare?.error;
  if (status === 'completed') return { type: 'run:completed' };
  if (status === 'cancelled') return { type: 'run:cancelled', reason: record.rare?.cancel?.reason ?? null, abandoned };
  if (!error) throw new Error(`run ${record.id} failed without an error`);
  return { type: 'run:failed', error, abandoned };
}
