import type { Clock, Timer } from '../ports/clock.js';
import { Heap, type Heaped } from './heap.js';

/** One entry of a {@link TimerQueue}; hand it back to cancel it. */
export interface QueuedTimer extends Heaped {
  readonly at: number;
  readonly callback: () => void;
}

/**
 * Any number of timers on one timer of the clock: a binary heap by due time. Setting and cancelling cost O(log n).
 * Measured on the monotonic clock, so a jump of the time of day moves none of them.
 */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #heap = new Heap<QueuedTimer>(isEarlier);
  #timer: Timer | undefined;
  #armedFor = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#heap.size;
  }

  /**
   * Calls `callback` in `delayMs` milliseconds; due ones are called in the order of their times. It must not throw.
   *
   * @throws {RangeError} when `delayMs` is not finite: one such entry would put the order of all others in disarray.
   */
  after(delayMs: number, callback: () => void): QueuedTimer {
    if (!Number.isFinite(delayMs)) throw new RangeError(`delayMs must be a finite number; got ${delayMs}`);
    const entry: QueuedTimer = { at: this.#clock.monotonic() + delayMs, callback, index: -1 };
    this.#heap.put(entry);
    this.#arm();
    return entry;
  }

  /** The timer will not fire any more. */
  cancel(entry: QueuedTimer): void {
    if (entry.index < 0) return;
    this.#heap.remove(entry);
    // A timer that has become too early is left to fire for nothing: re-arming at each cancel would cost more.
    if (this.#heap.size === 0) this.#disarm();
  }

  /** Cancels them all. */
  clear(): void {
    this.#heap.clear();
    this.#disarm();
  }

  #fire(): void {
    this.#disarm();
    const now = this.#clock.monotonic();
    for (let first = this.#heap.first; first !== undefined && first.at <= now; first = this.#heap.first) {
      this.#heap.remove(first);
      first.callback();
    }
    this.#arm();
  }

  #arm(): void {
    const first = this.#heap.first;
    if (first === undefined || first.at >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = first.at;
    // Rounded up: a timer that fires a fraction of a millisecond early would find nothing due and spin.
    const delayMs = Math.max(0, Math.ceil(first.at - this.#clock.monotonic()));
    this.#timer = this.#clock.after(delayMs, () => this.#fire());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Infinity;
  }
}

function isEarlier(a: QueuedTimer, b: QueuedTimer): boolean {
  return a.at < b.at;
}
