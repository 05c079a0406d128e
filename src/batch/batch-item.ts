import { LazyAbort } from '../timing/lazy-abort.js';

/** What a handler is given beside its item. */
export interface ItemContext {
  /** Which item this is, counted from 0 in the order of the source. */
  readonly index: number;
  /** This attempt, counted from 1. */
  readonly attempt: number;
  /**
   * Aborts when the call is stopped: with the reason of the caller's signal, or with a `TaskError` `RUN_CANCELLED` after
   * too many failures or when the reader of a stream has left. Made when it is first read, one for each attempt.
   */
  readonly signal: AbortSignal;
}

/** Does the work for one item. What it returns is the item's value, what it throws fails the attempt. */
export type ItemHandler<T, R> = (item: T, ctx: ItemContext) => R | PromiseLike<R>;

/** An item that was pulled from its source and has not ended. */
export interface BatchItem<T> {
  readonly index: number;
  readonly item: T;
  /** Attempts used up so far. */
  attempts: number;
  /** How often it was granted a `RetryLaterError`. */
  delays: number;
}

/** The {@link ItemContext} of one attempt. */
export class AttemptContext implements ItemContext {
  readonly index: number;
  readonly attempt: number;
  #abort: LazyAbort | undefined;

  constructor(item: BatchItem<unknown>) {
    this.index = item.index;
    this.attempt = item.attempts + 1;
  }

  get signal(): AbortSignal {
    return (this.#abort ??= new LazyAbort()).signal;
  }

  /** Static, so that a handler cannot reach it through its context. */
  static abort(context: AttemptContext, reason: unknown): void {
    (context.#abort ??= new LazyAbort()).abort(reason);
  }
}
