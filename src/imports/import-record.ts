import { steering, TaskError } from '../task/errors.js';

/** How large one record of a file may be, in bytes: 1 MiB, what a run's input may be. */
export const MAX_RECORD_BYTES = 1_048_576;

/** The formats that can be imported: comma-separated with a header line, a JSON value on each line, a JSON array. */
export type ImportFormat = 'csv' | 'ndjson' | 'json';

/** A record that was read. */
export interface GoodRecord {
  /** Counts the records of the file from 0, good and bad alike. */
  readonly index: number;
  /** The line on which the record begins, counted from 1; null for an element of a JSON array. */
  readonly line: number | null;
  /** For CSV an object of strings by the header's names; otherwise any JSON value. */
  readonly item: unknown;
  readonly error?: undefined;
}

/** A record that could not be read; the ones after it can. */
export interface BadRecord {
  readonly index: number;
  readonly line: number | null;
  /** `INPUT_INVALID`; the message says what is wrong and shows nothing of the record. */
  readonly error: TaskError;
}

/** One record of a file, good or bad: `record.error === undefined` tells which. */
export type ImportRecord = GoodRecord | BadRecord;

/** The whole file cannot be imported. */
export function badFile(message: string): TaskError {
  return new TaskError('INPUT_INVALID', message);
}

/** Where a record stands in its file. */
export interface RecordPlace {
  readonly index: number;
  readonly line: number | null;
}

/** @param problem a sentence without its full stop, fit to be shown to whoever sent the file. */
export function badRecord({ index, line }: RecordPlace, problem: string): BadRecord {
  return { index, line, error: steering(new TaskError('INPUT_INVALID', problem)) };
}
