import type { Clock, Timer } from '../ports/clock.js';

/** `setTimeout` fires at once for anything longer. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/**
 * The computer's clock. Globals are looked up at each call, so that fake timers which replace them drive it. Waits
 * longer than `setTimeout` can count are slept in pieces.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, callback) => {
    checkDelay(delayMs);
    return new SystemTimer(delayMs, callback);
  },
};

/** @throws {RangeError} for a delay that `setTimeout` would silently take as 1 ms. */
export function checkDelay(delayMs: number): void {
  if (!(delayMs >= 0 && delayMs < Infinity)) {
    throw new RangeError(`a delay must be a finite number of milliseconds, 0 or more; got ${String(delayMs)}`);
  }
}

class SystemTimer implements Timer {
  #timeout: NodeJS.Timeout;
  #refed = true;

  constructor(delayMs: number, callback: () => void) {
    this.#timeout = this.#arm(delayMs, callback);
  }

  #arm(delayMs: number, callback: () => void): NodeJS.Timeout {
    if (delayMs <= MAX_TIMEOUT_MS) return setTimeout(callback, delayMs);
    return setTimeout(() => {
      this.#timeout = this.#arm(delayMs - MAX_TIMEOUT_MS, callback);
      if (!this.#refed) this.#timeout.unref();
    }, MAX_TIMEOUT_MS);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  unref(): void {
    this.#refed = false;
    this.#timeout.unref();
  }

  ref(): void {
    this.#refed = true;
    this.#timeout.ref();
  }
}
