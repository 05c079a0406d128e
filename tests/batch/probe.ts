import type { ItemContext } from '../../src/batch/batch-item.js';

interface Held {
  readonly ctx: ItemContext;
  readonly resolve: (value?: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A handler that holds every item until the test lets it go, and knows how many were at work at once. */
export class HeldHandler<T> {
  readonly held = new Map<T, Held>();
  readonly begun: T[] = [];
  #most = 0;
  readonly #watchers = new Set<() => void>();

  readonly handler = (item: T, ctx: ItemContext): Promise<unknown> => {
    this.begun.push(item);
    return new Promise((resolve, reject) => {
      this.held.set(item, { ctx, resolve, reject });
      this.#most = Math.max(this.#most, this.held.size);
      for (const watcher of [...this.#watchers]) watcher();
    }).finally(() => this.held.delete(item));
  };

  /** The most items that were at work at once. */
  get most(): number {
    return this.#most;
  }

  /** Resolves as soon as `item` is at work. */
  async untilBegun(item: T): Promise<Held> {
    for (;;) {
      const held = this.held.get(item);
      if (held) return held;
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  async finish(item: T, value?: unknown): Promise<void> {
    (await this.untilBegun(item)).resolve(value);
  }

  async fail(item: T, error: unknown): Promise<void> {
    (await this.untilBegun(item)).reject(error);
  }
}

/** Integers from 0, for ever or up to `end`; knows how many were pulled and how often it was closed. */
export class CountingSource implements Iterable<number> {
  pulled = 0;
  closed = 0;
  readonly #end: number;

  constructor(end = Infinity) {
    this.#end = end;
  }

  [Symbol.iterator](): Iterator<number> {
    return {
      next: () => (this.pulled < this.#end ? { value: this.pulled++ } : { done: true, value: undefined }),
      return: () => {
        this.closed += 1;
        return { done: true, value: undefined };
      },
    };
  }

  /** The same numbers, asynchronously. */
  get asynchronous(): AsyncIterable<number> {
    const iterator = this[Symbol.iterator]();
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve(iterator.next()),
        return: () => Promise.resolve({ done: true as const, value: iterator.return?.().value as undefined }),
      }),
    };
  }
}

/** What a promise rejects with. Works across realms, where `toThrow` of an error class does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error: unknown) => error,
  );
}
