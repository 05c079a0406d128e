import type { RunRecord } from './run-record.js';

/**
 * Keeps what becomes of runs where it outlives the process. Whoever is told of a change must be told after it is kept:
 * what was told cannot be taken back when the process is killed.
 */
export interface Journal {
  /** The record is not any more as it was kept last. */
  changed(record: RunRecord): void;
  /** As `changed`, for what may be lost with the process, such as progress. */
  changedLazily(record: RunRecord): void;
  /** Calls back once what this record is now is kept, in the order of the calls; never where it cannot be. */
  after<T>(record: RunRecord, then: (subject: T) => void, subject: T): void;
}

/** Memory: nothing outlives the process, so nothing is waited for. */
export const noJournal: Journal = {
  changed: () => undefined,
  changedLazily: () => undefined,
  after: (_record, then, subject) => then(subject),
};
