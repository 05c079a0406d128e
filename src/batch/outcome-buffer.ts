import type { BatchItem } from './batch-item.js';
import type { Outcome } from './outcome.js';
import { cancelled, failed, succeeded, type OutcomeSink } from './outcome-sink.js';

/**
 * Outcomes on their way to a reader who may be slow. Full when `size` of them wait, and until half of them are read: to
 * begin again for each single one costs more than a short handler.
 */
export class OutcomeBuffer<T, R> implements OutcomeSink<T, R> {
  readonly #size: number;
  readonly #outcomes: Outcome<T, R>[] = [];
  #closed = false;
  full = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  succeeded(item: BatchItem<T>, value: R): void {
    this.#add(succeeded(item, value));
  }

  failed(item: BatchItem<T>, error: unknown): void {
    this.#add(failed(item, error));
  }

  cancelled(item: BatchItem<T>, error: unknown): void {
    this.#add(cancelled(item, error));
  }

  async whenRoom(): Promise<void> {
    while (this.full) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
  }

  /** The next outcome; undefined when the buffer is closed and empty. For one reader. */
  async next(): Promise<Outcome<T, R> | undefined> {
    while (this.#outcomes.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
    const outcome = this.#outcomes.shift();
    if (this.#outcomes.length <= this.#size / 2) this.#makeRoom();
    return outcome;
  }

  /** Nothing more comes; what is there can still be read. */
  close(): void {
    this.#closed = true;
    this.#wakeReader?.();
  }

  /** The reader has left: forgets what is there and what may still come. */
  discard(): void {
    this.#outcomes.length = 0;
    this.close();
    this.#makeRoom();
  }

  /** Outcomes of items that were at work when it became full are taken all the same. */
  #add(outcome: Outcome<T, R>): void {
    if (this.#closed) return;
    this.#outcomes.push(outcome);
    if (this.#outcomes.length >= this.#size) this.full = true;
    this.#wakeReader?.();
  }

  #makeRoom(): void {
    this.full = false;
    this.#wakeWriter?.();
  }
}
