import type { MaybePromise } from '../ports/backend.js';
import type { BatchItem } from './batch-item.js';
import type { CancelledOutcome, FailedOutcome, SucceededOutcome } from './outcome.js';

/**
 * Where a call tells how its items end, in the order in which they end. Outcomes are made by the sink, because one that
 * keeps none needs none. No method may throw; where one gives a promise, the item keeps its place until that has settled,
 * and a rejection ends the call.
 */
export interface OutcomeSink<T, R> {
  /** While it is true, no item is begun: whoever reads the outcomes is behind. */
  readonly full: boolean;
  /** Resolves when it is no longer full. */
  whenRoom(): Promise<void>;
  succeeded(item: BatchItem<T>, value: R): MaybePromise<void>;
  failed(item: BatchItem<T>, error: unknown): MaybePromise<void>;
  cancelled(item: BatchItem<T>, error: unknown): void;
}

/** The outcome of an item whose handler returned. */
export function succeeded<T, R>({ index, item, attempts }: BatchItem<T>, value: R): SucceededOutcome<T, R> {
  return { index, item, status: 'succeeded', value, attempts };
}

/** The outcome of an item whose last attempt threw. */
export function failed<T>({ index, item, attempts }: BatchItem<T>, error: unknown): FailedOutcome<T> {
  return { index, item, status: 'failed', error, attempts };
}

/** The outcome of an item that a stopped call did not bring to its end. */
export function cancelled<T>({ index, item, attempts }: BatchItem<T>, error: unknown): CancelledOutcome<T> {
  return { index, item, status: 'cancelled', error, attempts };
}
