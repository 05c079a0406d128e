import type { BatchItem } from './batch-item.js';
import { checkStep, pulled, type ItemSource } from './item-source.js';

/** An array or an iterable: an item is there as soon as it is asked for. */
export class SyncItemSource<T> implements ItemSource<T> {
  readonly fetching = false;
  readonly #array: readonly T[] | undefined;
  readonly #iterator: Iterator<T, unknown>;
  #pulled = 0;
  #exhausted = false;
  #pulling = false;
  #closed = false;
  failure: { readonly error: unknown } | undefined;

  constructor(items: Iterable<T>) {
    this.#array = Array.isArray(items) ? items : undefined;
    this.#iterator = items[Symbol.iterator]();
  }

  get ready(): boolean {
    return !this.ended;
  }

  get ended(): boolean {
    return this.#exhausted || this.#closed;
  }

  get total(): number | undefined {
    return this.#array?.length ?? (this.#exhausted ? this.#pulled : undefined);
  }

  prepare(): void {
    // Nothing takes time.
  }

  take(): BatchItem<T> | undefined {
    return this.ended ? undefined : this.#pull();
  }

  close(): Promise<void> {
    if (!this.ended) {
      this.#closed = true;
      // A generator that aborts the call from its own body cannot be closed before it has yielded.
      if (!this.#pulling) this.#return();
    }
    return Promise.resolve();
  }

  /** The rest of an array: it was given whole. */
  *leftovers(): Iterable<BatchItem<T>> {
    if (this.#array === undefined) return;
    for (let item = this.#pull(); item !== undefined; item = this.#pull()) yield item;
  }

  #pull(): BatchItem<T> | undefined {
    if (this.#exhausted) return undefined;
    this.#pulling = true;
    try {
      const step = checkStep(this.#iterator.next());
      if (step.done !== true) return pulled(this.#pulled++, step.value);
      this.#exhausted = true;
    } catch (error) {
      this.#exhausted = true;
      if (!this.#closed) this.failure = { error };
    } finally {
      this.#pulling = false;
      if (this.#closed && !this.#exhausted) this.#return();
    }
    return undefined;
  }

  /** An array has nothing to close; its rest is still wanted. */
  #return(): void {
    if (this.#array) return;
    try {
      this.#iterator.return?.();
    } catch {
      // The call has been stopped already; how the source takes it changes nothing.
    }
  }
}
