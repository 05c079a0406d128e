interface Ended<T> {
  /** Which item this is, counted from 0 in the order of the source. */
  readonly index: number;
  /** The item, as the source gave it. */
  readonly item: T;
  /** How many attempts the item has used up; 0 where its handler was never called. */
  readonly attempts: number;
}

/** The handler returned, before or after an abort. */
export interface SucceededOutcome<T, R> extends Ended<T> {
  readonly status: 'succeeded';
  /** What the handler returned. */
  readonly value: R;
}

/** The last attempt threw. */
export interface FailedOutcome<T> extends Ended<T> {
  readonly status: 'failed';
  /** What the last attempt threw, unchanged. */
  readonly error: unknown;
}

/** The call was stopped first. */
export interface CancelledOutcome<T> extends Ended<T> {
  readonly status: 'cancelled';
  /** What the handler threw when its signal had aborted; for an item that was not at work, why the call was stopped. */
  readonly error: unknown;
}

/** How one item ended. Test `status` to know which members there are. */
export type Outcome<T, R> = SucceededOutcome<T, R> | FailedOutcome<T> | CancelledOutcome<T>;

/** How an item ended that its call has brought to its end. */
export type EndedOutcome<T, R> = SucceededOutcome<T, R> | FailedOutcome<T>;

/** Which outcomes a call keeps in memory until it ends. */
export type KeptOutcomes = 'all' | 'failed' | 'none';

/** How far a call has come. `done` is always the sum of the three. */
export interface BatchProgress {
  /** Items that have ended. */
  readonly done: number;
  /** How many there will be; missing where nobody knows, that is until an iterable has ended. */
  readonly total?: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** What became of all items. `total` is always the sum of the three. */
export interface BatchResult<T, R> {
  /** Items that were given: all of an array; of an iterable those that it had yielded when the call was stopped. */
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Those that `keep` names, in the order of the source. */
  readonly outcomes: readonly Outcome<T, R>[];
}
