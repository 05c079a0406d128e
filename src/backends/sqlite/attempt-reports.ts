import type { Outcome } from '../../ports/backend.js';
import type { Checkpoint } from '../../ports/checkpoint.js';
import type { MemoryLease } from '../live/run-record.js';
import { checkpointText, keptOutcome } from '../live/stored-values.js';
import type { SqliteParts } from './sqlite-parts.js';
import { storedOf } from './stored-record.js';

/** What is reported of an attempt that has ended. */
export interface AttemptEnd {
  readonly lease: MemoryLease;
  readonly outcome: Outcome;
  /** Whether its handler is still at work. */
  readonly held: boolean;
}

/** Takes the end of an attempt down; answers when it is in the file, with false where the lease was no longer valid. */
export function settle({ course, journal }: SqliteParts, { lease, outcome, held }: AttemptEnd): false | Promise<true> {
  const record = storedOf(lease.run);
  const { kept, text } = keptOutcome(outcome, record.attempt);
  if (!course.settle(lease, kept, held)) return false;
  if (typeof text === 'string') record.resultText = text;
  return new Promise((resolve) => journal.after(record, resolve, true));
}

/** The handler of an attempt that was settled as held has settled. Answers when that is in the file. */
export function release({ course, journal }: SqliteParts, lease: MemoryLease): Promise<void> {
  course.release(lease);
  return new Promise((resolve) => journal.after(lease.run, resolve, undefined));
}

/**
 * Keeps how far an attempt has come, from where its crashes count anew; answers when it is in the file.
 *
 * @throws {TaskError} RESULT_INVALID when it cannot be stored.
 */
export function keepCheckpoint(
  { course, journal }: SqliteParts,
  lease: MemoryLease,
  checkpoint: Checkpoint,
): false | Promise<true> {
  const record = storedOf(lease.run);
  const text = checkpointText(checkpoint);
  if (!course.checkpoint(lease, checkpoint)) return false;
  record.checkpointText = text;
  record.crashes = 0;
  return journal.written(record).then(() => true);
}
