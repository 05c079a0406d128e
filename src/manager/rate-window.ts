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

  /** How many starts are allowed now; looks no further than `most`. */
  free(now: number, most: number): number {
    const { length } = this.#starts;
    let free = this.#count - length;
    // Where the ring is full its oldest start stands at `#next`, otherwise at 0.
    const oldest = length < this.#count ? 0 : this.#next;
    for (let n = 0; n < length && free < most; n += 1, free += 1) {
      const start = this.#starts[(oldest + n) % length];
      if (start !== undefined && start + this.#perMs > now) break;
    }
    return Math.min(free, most);
  }

  note(now: number): void {
    this.#starts[this.#next] = now;
    this.#next = (this.#next + 1) % this.#count;
  }
}
