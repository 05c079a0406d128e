import type { BatchItem } from './batch-item.js';
import { CLOSE_MS, checkStep, pulled, type ItemSource, type SourceOptions } from './item-source.js';

/** An async iterable: one `next()` at a time, and at most one item fetched ahead. */
export class AsyncItemSource<T> implements ItemSource<T> {
  readonly #iterator: AsyncIterator<T, unknown>;
  readonly #options: SourceOptions;
  #pulled = 0;
  #atHand: BatchItem<T> | undefined;
  #pulling = false;
  #exhausted = false;
  #closed = false;
  failure: { readonly error: unknown } | undefined;

  /** @throws whatever the iterable throws when it is asked for its iterator. */
  constructor(items: AsyncIterable<T>, options: SourceOptions) {
    this.#iterator = items[Symbol.asyncIterator]();
    this.#options = options;
  }

  get ready(): boolean {
    return this.#atHand !== undefined && !this.#closed;
  }

  get fetching(): boolean {
    return this.#pulling;
  }

  get ended(): boolean {
    return this.#closed || (this.#exhausted && this.#atHand === undefined);
  }

  get total(): number | undefined {
    return this.#exhausted ? this.#pulled : undefined;
  }

  prepare(): void {
    if (this.#atHand !== undefined || this.#pulling || this.#exhausted || this.#closed) return;
    void this.#pull();
  }

  take(): BatchItem<T> | undefined {
    if (this.#closed) return undefined;
    const item = this.#atHand;
    this.#atHand = undefined;
    return item;
  }

  async close(): Promise<void> {
    if (this.#exhausted || this.#closed) {
      this.#closed = true;
      return;
    }
    this.#closed = true;
    const closing = this.#return();
    if (!this.#pulling) await this.#soon(closing);
  }

  /** The item that was fetched ahead. */
  *leftovers(): Iterable<BatchItem<T>> {
    if (this.#atHand !== undefined) yield this.#atHand;
    this.#atHand = undefined;
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
    try {
      const step = checkStep(await this.#iterator.next());
      if (step.done === true) this.#exhausted = true;
      // What comes after the call was stopped had not been yielded in time: nobody counts it.
      else if (!this.#closed) this.#atHand = pulled(this.#pulled++, step.value);
    } catch (error) {
      this.#exhausted = true;
      if (!this.#closed) this.failure = { error };
    }
    this.#pulling = false;
    this.#options.onChange();
  }

  async #return(): Promise<void> {
    try {
      await this.#iterator.return?.();
    } catch {
      // The call has been stopped already; how the source takes it changes nothing.
    }
  }

  /** Resolves when `closing` does, and after {@link CLOSE_MS} without it: it may hang for ever. */
  #soon(closing: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(CLOSE_MS, resolve);
      void closing.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}
