/**
 * A sliding window over the last starts: at most `count` of them within any `perMs` milliseconds. Exact, for the price
 * of one number for each start in the window.
 */
export class RateWindow {
  readonly #count: number;
  readonly #perMs: number;
  /** A ring of the last `count` starts. */
  readonly #starts: number[] = [];
  #next = 0;

  constructor(count: number, perMs: number) {
    this.#count = count;
    this.#perMs = perMs;
  }

  /** How long until another start is allowed, in milliseconds; 0 is now. */
  waitMs(now: number): number {
    const oldest = this.#starts[this.#next];
    if (oldest === undefined || this.#starts.length < this.#count) return 0;
    return Math.max(0, oldest + this.#perMs - now);
  }

  note(now: number): void {
    this.#starts[this.#next] = now;
    this.#next = (this.#next + 1) % this.#count;
  }
}
