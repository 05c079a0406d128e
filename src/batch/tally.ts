import { isThenable } from './thenable.js';
import type { BatchProgress, BatchResult, KeptOutcomes, Outcome, OutcomeSink } from './outcome.js';

/** What a {@link Tally} is made with. */
export interface TallyOptions {
  readonly keep: KeptOutcomes;
  readonly onProgress: ((progress: BatchProgress) => unknown) | undefined;
}

/** Counts outcomes, keeps those that are wanted, and tells how far it has come. Never full. */
export class Tally<T, R> implements OutcomeSink<T, R> {
  readonly full = false;
  readonly #options: TallyOptions;
  readonly #outcomes: Outcome<T, R>[] = [];
  #inOrder = true;
  #succeeded = 0;
  #failed = 0;
  #cancelled = 0;

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  add(outcome: Outcome<T, R>): void {
    if (outcome.status === 'succeeded') this.#succeeded += 1;
    else if (outcome.status === 'failed') this.#failed += 1;
    else this.#cancelled += 1;
    if (this.#keeps(outcome)) this.#push(outcome);
  }

  whenRoom(): Promise<void> {
    return Promise.resolve();
  }

  /** Calls `onProgress`; whatever it throws or rejects with changes nothing. */
  report(total: number | undefined): void {
    if (this.#options.onProgress === undefined) return;
    try {
      const returned = this.#options.onProgress({ ...this.#counts(), ...(total !== undefined && { total }) });
      if (isThenable(returned)) Promise.resolve(returned).catch(() => undefined);
    } catch {
      // Progress is told, not asked for.
    }
  }

  result(): BatchResult<T, R> {
    if (!this.#inOrder) this.#outcomes.sort((a, b) => a.index - b.index);
    const { done, ...counts } = this.#counts();
    return { total: done, ...counts, outcomes: this.#outcomes };
  }

  #keeps(outcome: Outcome<T, R>): boolean {
    return this.#options.keep === 'all' || outcome.status === this.#options.keep;
  }

  #push(outcome: Outcome<T, R>): void {
    const last = this.#outcomes.at(-1);
    if (last !== undefined && last.index > outcome.index) this.#inOrder = false;
    this.#outcomes.push(outcome);
  }

  #counts(): Omit<BatchProgress, 'total'> {
    const [succeeded, failed, cancelled] = [this.#succeeded, this.#failed, this.#cancelled];
    return { done: succeeded + failed + cancelled, succeeded, failed, cancelled };
  }
}
