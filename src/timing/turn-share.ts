import { TURN_MS } from './next-turn.js';

/** However fast the work proves: what comes next may be slow, and nobody knows before it is done. */
const MAX_STRIDE = 8;

/**
 * Says when whoever works has had its share of a turn of the event loop. Reading a clock for each short piece of work
 * would cost as much as the work: as long as it proves fast, the clock is read less often.
 */
export class TurnShare {
  readonly #now: () => number;
  #endsAt = 0;
  #readAt = 0;
  #stride = 1;
  #left = 1;

  /** @param now gives milliseconds that never go back. */
  constructor(now: () => number) {
    this.#now = now;
    this.renew();
  }

  /** A new turn has begun. */
  renew(): void {
    this.#readAt = this.#now();
    this.#endsAt = this.#readAt + TURN_MS;
    this.#stride = 1;
    this.#left = 1;
  }

  /** To be asked after each piece of work: whether the share of this turn is used up. */
  isOver(): boolean {
    this.#left -= 1;
    return this.#left <= 0 && this.#look();
  }

  #look(): boolean {
    const now = this.#now();
    // The next stride, twice as long, would fit into half a share.
    const fast = (now - this.#readAt) * 4 <= TURN_MS;
    this.#readAt = now;
    this.#stride = fast ? Math.min(MAX_STRIDE, this.#stride * 2) : 1;
    this.#left = this.#stride;
    return now > this.#endsAt;
  }
}
