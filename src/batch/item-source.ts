import type { Clock } from '../ports/clock.js';
import type { BatchItem } from './batch-item.js';

/** Where the items of a call come from, pulled one at a time. */
export interface ItemSource<T> {
  /** Whether {@link take} may have an item without waiting. */
  readonly ready: boolean;
  /** Whether a `next()` is under way. */
  readonly fetching: boolean;
  /** Whether all items were taken, or the source threw, or it was closed. */
  readonly ended: boolean;
  /** How many items there are in all; undefined while nobody knows. */
  readonly total: number | undefined;
  /** What the source threw, unless it had been closed before. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Has an item fetched, where that may take time and none is at hand. */
  prepare(): void;
  /** The next item; undefined when none is ready or there is none left. */
  take(): BatchItem<T> | undefined;
  /**
   * Leaves the source early: calls its `return()`, once, and waits for it, at most {@link CLOSE_MS}, and not for a
   * `next()` that is still under way: either may never settle. Nothing can be taken afterwards. Never rejects.
   */
  close(): Promise<void>;
  /** Items that were given but, because of {@link close}, will never be taken. */
  leftovers(): Iterable<BatchItem<T>>;
}

/** What a source needs beside the items. */
export interface SourceOptions {
  /** Measures how long an async source may take to close. */
  readonly clock: Clock;
  /** Called when an async source has come on. Must not throw. */
  readonly onChange: () => void;
}

/** For how long a source that is left early is waited for, in milliseconds. */
export const CLOSE_MS = 1_000;

/** Makes the record of an item that was just pulled. */
export function pulled<T>(index: number, item: T): BatchItem<T> {
  return { index, item, attempts: 0, delays: 0 };
}

/**
 * The result of an iterator's `next()`, checked as `for … of` does.
 *
 * @throws {TypeError} when it is no object.
 */
export function checkStep<T>(step: IteratorResult<T, unknown>): IteratorResult<T, unknown> {
  if (typeof step === 'object' && (step as object | null) !== null) return step;
  throw new TypeError('the next() of an iterator must return an object');
}
