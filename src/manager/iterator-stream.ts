import { Readable } from 'node:stream';
import { isUint8Array } from 'node:util/types';
import { show } from '../task/checks.js';
import type { FileSource } from '../task/file-result.js';
import { isThenable } from '../task/thenable.js';

/**
 * Makes a stream of what gives the bytes of a file and is no stream. Destroying it returns the iterator.
 *
 * @throws {TypeError} when it is nothing that could give bytes.
 */
export function iteratorStream(source: FileSource): Readable {
  if (typeof source === 'string' || isUint8Array(source)) return new IteratorStream(only(source));
  if (isIterable(source)) return new IteratorStream(source[Symbol.asyncIterator]());
  throw new TypeError(
    `the source of a file must be a stream, an async iterable of bytes or text, bytes, or a text; got ${show(source)}`,
  );
}

/**
 * `Readable.from` waits for the iterator when it is destroyed, and so does whoever reads it: for ever, where a generator
 * awaits what never comes. This one tells the iterator and does not wait.
 */
class IteratorStream extends Readable {
  readonly #iterator: AsyncIterator<unknown, unknown>;

  constructor(iterator: AsyncIterator<unknown, unknown>) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#iterator = iterator;
  }

  override _read(): void {
    void this.#pull();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error);
    try {
      const returned: unknown = this.#iterator.return?.();
      if (isThenable(returned)) Promise.resolve(returned).catch(ignore);
    } catch {
      // It has been given up.
    }
  }

  async #pull(): Promise<void> {
    try {
      const { done, value } = await this.#iterator.next();
      if (this.destroyed) return;
      if (done === true) this.push(null);
      else if (typeof value === 'string' || isUint8Array(value)) this.push(value);
      else this.destroy(new TypeError(`the source of a file must give bytes or text; it gave ${show(value)}`));
    } catch (error) {
      this.destroy(error instanceof Error ? error : new Error('The source of the file failed', { cause: error }));
    }
  }
}

// It has to be an async iterator.
// eslint-disable-next-line @typescript-eslint/require-await
async function* only(source: Uint8Array | string): AsyncGenerator<Uint8Array | string> {
  yield source;
}

function isIterable(source: unknown): source is AsyncIterable<unknown, unknown> {
  return (
    typeof source === 'object' && source !== null && typeof Reflect.get(source, Symbol.asyncIterator) === 'function'
  );
}

function ignore(): void {
  // It has been given up.
}
