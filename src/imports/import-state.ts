import type { Checkpoint } from '../ports/checkpoint.js';
import type { StoredFile } from '../ports/files.js';
import type { ImportFormat } from './import-record.js';
import type { StoredCrashes } from './item-crashes.js';

/** What became of an import's records: `total` is always the sum of the three. */
export interface ImportResult {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Those that were not handled because the import was cancelled. */
  readonly cancelled: number;
}

/** Failures that were stored. What stands in their file behind them is of no account. */
export interface StoredFailures {
  readonly name: string;
  readonly bytes: number;
  /** How many were left out for lack of room. */
  readonly omitted: number;
}

/** Where an import has come to: kept with its run, so that a later process can go on from there. */
export interface ImportState {
  /** The body, as it was spooled. */
  readonly file: StoredFile;
  readonly format: ImportFormat;
  /** How many records there are; null until they were counted. */
  readonly total: number | null;
  /** The first record that has not begun. */
  readonly next: number;
  /** Those before it that have not ended, ascending. */
  readonly begun: readonly number[];
  readonly succeeded: number;
  readonly failed: number;
  readonly failures: StoredFailures | null;
  /** Null where no process has died at it. */
  readonly crashes: StoredCrashes | null;
}

/** Of an import that was just accepted. */
export function firstState({ name, bytes }: StoredFile, format: ImportFormat): ImportState {
  const nothing = { total: null, next: 0, begun: [], succeeded: 0, failed: 0, failures: null, crashes: null };
  return { file: { name, bytes }, format, ...nothing };
}

/** What the import has come to, if it ends here; undefined while its records have not been counted. */
export function resultOf({ total, succeeded, failed }: ImportState): ImportResult | undefined {
  return total === null ? undefined : { total, succeeded, failed, cancelled: total - succeeded - failed };
}

/** A state as it is kept. */
export function checkpointOf(state: ImportState): Checkpoint {
  return { state, soFar: resultOf(state) };
}

/** The state that is kept with the run of an import. */
export function stateOf({ checkpoint }: { readonly checkpoint: Checkpoint | null }): ImportState | undefined {
  // Every checkpoint of an import is made above.
  return checkpoint?.state as ImportState | undefined;
}
