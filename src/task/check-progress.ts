import { show } from './checks.js';

/** The longest note of a progress, in characters; more is cut. */
export const MAX_NOTE = 500;

/**
 * Checks what a handler says of its progress.
 *
 * @throws {TypeError|RangeError} when a count is not a finite number of at least 0, or the note no string.
 */
export function checkProgress(done: unknown, total: unknown, note: unknown): void {
  checkCount('done', done);
  if (total !== null) checkCount('total', total);
  if (note !== null && typeof note !== 'string') throw new TypeError(`note must be a string; got ${show(note)}`);
}

function checkCount(what: string, value: unknown): void {
  if (typeof value !== 'number') throw new TypeError(`${what} must be a number of at least 0; got ${show(value)}`);
  if (!(value >= 0 && value < Infinity))
    throw new RangeError(`${what} must be a finite number of at least 0; got ${value}`);
}
