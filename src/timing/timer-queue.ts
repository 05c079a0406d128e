import type { Clock, Timer } from '../ports/clock.js';

/** One entry of a {@link TimerQueue}; hand it back to cancel it. */
export interface QueuedTimer {
  readonly at: number;
  readonly callback: () => void;
  /** Where it stands in the heap; -1 once it fired or was cancelled. */
  index: number;
}

/**
 * Any number of timers on one timer of the clock: a binary heap by due time. Setting and cancelling cost O(log n).
 * Measured on the monotonic clock, so a jump of the time of day moves none of them.
 */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #heap: QueuedTimer[] = [];
  #timer: Timer | undefined;
  #armedFor = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#heap.length;
  }

  /**
   * Calls `callback` in `delayMs` milliseconds; due ones are called in the order of their times. It must not throw.
   *
   * @throws {RangeError} when `delayMs` is not finite: one such entry would put the order of all others in disarray.
   */
  after(delayMs: number, callback: () => void): QueuedTimer {
    if (!Number.isFinite(delayMs)) throw new RangeError(`delayMs must be a finite number; got ${delayMs}`);
    const entry: QueuedTimer = { at: this.#clock.monotonic() + delayMs, callback, index: this.#heap.length };
    this.#heap.push(entry);
    this.#up(entry);
    this.#arm();
    return entry;
  }

  /** The timer will not fire any more. */
  cancel(entry: QueuedTimer): void {
    if (entry.index < 0) return;
    this.#remove(entry);
    // A timer that has become too early is left to fire for nothing: re-arming at each cancel would cost more.
    if (this.#heap.length === 0) this.#disarm();
  }

  /** Cancels them all. */
  clear(): void {
    for (const entry of this.#heap) entry.index = -1;
    this.#heap.length = 0;
    this.#disarm();
  }

  #fire(): void {
    this.#disarm();
    const now = this.#clock.monotonic();
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#remove(first);
      first.callback();
    }
    this.#arm();
  }

  #arm(): void {
    const first = this.#heap[0];
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

  #remove(entry: QueuedTimer): void {
    const last = this.#heap.pop();
    if (last !== undefined && last !== entry) {
      last.index = entry.index;
      this.#heap[entry.index] = last;
      this.#up(last);
      this.#down(last);
    }
    entry.index = -1;
  }

  #up(entry: QueuedTimer): void {
    let at = entry.index;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#heap[parentAt];
      if (parent === undefined || parent.at <= entry.at) break;
      this.#put(parent, at);
      at = parentAt;
    }
    this.#put(entry, at);
  }

  #down(entry: QueuedTimer): void {
    let at = entry.index;
    for (;;) {
      const child = this.#smallerChild(at);
      if (child === undefined || child.at >= entry.at) break;
      const childAt = child.index;
      this.#put(child, at);
      at = childAt;
    }
    this.#put(entry, at);
  }

  #smallerChild(at: number): QueuedTimer | undefined {
    const left = this.#heap[2 * at + 1];
    const right = this.#heap[2 * at + 2];
    return left !== undefined && right !== undefined && right.at < left.at ? right : left;
  }

  #put(entry: QueuedTimer, at: number): void {
    this.#heap[at] = entry;
    entry.index = at;
  }
}
