import type { Clock } from '../ports/clock.js';
import { TimerQueue } from '../timing/timer-queue.js';
import type { BatchItem } from './batch-item.js';

/** Items set aside between two attempts, on one timer of the clock. */
export class WaitingItems<T> {
  readonly #timers: TimerQueue;
  readonly #onDue: () => void;
  readonly #waiting = new Set<BatchItem<T>>();
  readonly #due = new Set<BatchItem<T>>();

  /** @param onDue is called when an item's wait is over; must not throw. */
  constructor(clock: Clock, onDue: () => void) {
    this.#timers = new TimerQueue(clock);
    this.#onDue = onDue;
  }

  /** All that are set aside, those included whose wait is over. */
  get size(): number {
    return this.#waiting.size + this.#due.size;
  }

  get hasDue(): boolean {
    return this.#due.size > 0;
  }

  /** Sets an item aside for `delayMs` milliseconds. */
  add(item: BatchItem<T>, delayMs: number): void {
    this.#waiting.add(item);
    this.#timers.after(delayMs, () => {
      this.#waiting.delete(item);
      this.#due.add(item);
      this.#onDue();
    });
  }

  /** Takes out the item whose wait has been over for longest. */
  takeDue(): BatchItem<T> | undefined {
    for (const item of this.#due) {
      this.#due.delete(item);
      return item;
    }
    return undefined;
  }

  /** Takes out all of them and ends their waits. */
  takeAll(): BatchItem<T>[] {
    this.#timers.clear();
    const items = [...this.#due, ...this.#waiting];
    this.#due.clear();
    this.#waiting.clear();
    return items;
  }
}
