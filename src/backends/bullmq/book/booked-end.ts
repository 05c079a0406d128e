import { isFinal } from '../../../task/status.js';
import { keyNameOf } from '../../live/key-name.js';
import { checkpointText } from '../../live/stored-values.js';
import type { FleetRun } from '../runs/fleet-run.js';
import type { BookedEnd } from './book.js';
import { endedText } from './ended-text.js';

/** What the book keeps of a run that ends; it is held where it is still `active`. */
export function bookedEnd(ended: FleetRun, onlyIfCancelled = false): BookedEnd {
  const { origin, state } = ended;
  const { id, jobId, lane, owner, idempotencyKey } = origin;
  const { status, updatedAt: finishedAt, active: held, checkpoint } = state;
  if (!isFinal(status)) throw new Error(`run ${id} is ${status}: that is no end`);
  const keyName = idempotencyKey === null ? null : keyNameOf(owner, idempotencyKey);
  const text = endedText(ended, checkpoint === null ? null : checkpointText(checkpoint));
  return { jobId, id, lane, status, finishedAt, keyName, held, text, onlyIfCancelled };
}
