/** A timer that was set with {@link Clock.after}. */
export interface Timer {
  /** The timer will not fire any more. May be called at any time, any number of times. */
  cancel(): void;
  /** Lets the process end while the timer waits. */
  unref(): void;
  /** Keeps the process up while the timer waits, as a new timer does. */
  ref(): void;
}

/** Where every time and every timer in Errand comes from, so that a test can drive all of them. */
export interface Clock {
  /** The time of day in epoch milliseconds. It may jump: use it to say when, never to measure. */
  now(): number;
  /** Milliseconds since some fixed moment. Never goes back and never jumps: use it to measure. */
  monotonic(): number;
  /**
   * Calls `callback` once, `delayMs` from now; 0 is the next turn of the event loop at the earliest.
   *
   * @throws {RangeError} when `delayMs` is not finite or below 0. There is no upper bound.
   */
  after(delayMs: number, callback: () => void): Timer;
}
