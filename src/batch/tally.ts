import type { MaybePromise } from '../ports/backend.js';
import { isThenable } from '../task/thenable.js';
import type { BatchItem } from './batch-item.js';
import type { BatchProgress, BatchResult, EndedOutcome, KeptOutcomes, Outcome } from './outcome.js';
import { cancelled, failed, succeeded, type OutcomeSink } from './outcome-sink.js';

/** What a {@link Tally} is made with. */
export interface TallyOptions<T, R> {
  readonly keep: KeptOutcomes;
  readonly onProgress: ((progress: BatchProgress) => unknown) | undefined;
  readonly onOutcome: ((outcome: EndedOutcome<T, R>) => unknown) | undefined;
}

/** Counts outcomes, keeps those that are wanted, and tells how far it has come. Never full. */
export class Tally<T, R> implements OutcomeSink<T, R> {
  readonly full = false;
  readonly #options: TallyOptions<T, R>;
  readonly #outcomes: Outcome<T, R>[] = [];
  #inOrder = true;
  #lastIndex = -1;
  #succeeded = 0;
  #failed = 0;
  #cancelled = 0;

  constructor(options: TallyOptions<T, R>) {
    this.#options = options;
  }

  succeeded(item: BatchItem<T>, value: R): MaybePromise<void> {
    this.#succeeded += 1;
    if (this.#options.keep === 'all') this.#push(succeeded(item, value));
    if (this.#options.onOutcome !== undefined) return tell(this.#options.onOutcome, succeeded(item, value));
  }

  failed(item: BatchItem<T>, error: unknown): MaybePromise<void> {
    this.#failed += 1;
    if (this.#options.keep !== 'none') this.#push(failed(item, error));
    if (this.#options.onOutcome !== undefined) return tell(this.#options.onOutcome, failed(item, error));
  }

  cancelled(item: BatchItem<T>, error: unknown): void {
    this.#cancelled += 1;
    if (this.#options.keep === 'all') this.#push(cancelled(item, error));
  }

  whenRoom(): Promise<void> {
    return Promise.resolve();
  }

  /** Calls `onProgress`; whatever it throws or rejects with changes nothing. Undefined when nobody wants to know. */
  get report(): ((total: number | undefined) => void) | undefined {
    const { onProgress } = this.#options;
    return onProgress && ((total) => callQuietly(() => onProgress(this.#progress(total))));
  }

  result(): BatchResult<T, R> {
    if (!this.#inOrder) this.#outcomes.sort((a, b) => a.index - b.index);
    const { done, ...counts } = this.#progress(undefined);
    return { ...counts, total: done, outcomes: this.#outcomes };
  }

  #push(outcome: Outcome<T, R>): void {
    if (outcome.index < this.#lastIndex) this.#inOrder = false;
    this.#lastIndex = outcome.index;
    this.#outcomes.push(outcome);
  }

  #progress(total: number | undefined): BatchProgress {
    const [succeeded, failed, cancelled] = [this.#succeeded, this.#failed, this.#cancelled];
    return {
      done: succeeded + failed + cancelled,
      ...(total !== undefined && { total }),
      succeeded,
      failed,
      cancelled,
    };
  }
}

/** What the caller does with an outcome, as a promise where it takes time or has thrown. */
function tell<O>(onOutcome: (outcome: O) => unknown, outcome: O): MaybePromise<void> {
  try {
    const returned = onOutcome(outcome);
    if (isThenable(returned)) return Promise.resolve(returned).then(() => undefined);
  } catch (error) {
    // What was thrown is passed on unchanged.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    return Promise.reject(error);
  }
}

function callQuietly(callback: () => unknown): void {
  try {
    const returned = callback();
    if (isThenable(returned)) Promise.resolve(returned).catch(() => undefined);
  } catch {
    // Progress is told, not asked for.
  }
}
