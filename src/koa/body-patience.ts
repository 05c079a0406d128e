import type { Clock, Timer } from '../ports/clock.js';
import { checkDuration } from '../task/checks.js';
import { systemClock } from '../timing/system-clock.js';
import { RequestError } from './request-error.js';

/** How long a client may leave its body where it is. */
export interface BodyPatience {
  readonly clock: Clock;
  /** How long nothing of a body may come, in milliseconds, or `Infinity`. However slow what comes is, it may. */
  readonly bodyTimeoutMs: number;
}

/** What is waited for a body unless somebody says otherwise: 30 seconds for each piece. */
export const DEFAULT_PATIENCE: BodyPatience = { clock: systemClock, bodyTimeoutMs: 30_000 };

/**
 * An option `bodyTimeoutMs`, which is 30 seconds unless given.
 *
 * @throws {TypeError|RangeError} when it is neither a duration above 0 nor `Infinity`.
 */
export function checkBodyTimeout(value: unknown = DEFAULT_PATIENCE.bodyTimeoutMs): number {
  return value === Infinity ? Infinity : checkDuration('bodyTimeoutMs', value, { min: 1 });
}

/** Tells when nothing has come for too long. Counts only between `wait` and `stop`: what is not read cannot come. */
export class StallTimer {
  readonly #patience: BodyPatience;
  readonly #onStall: () => void;
  #timer: Timer | undefined;
  #since = 0;

  constructor(patience: BodyPatience, onStall: () => void) {
    this.#patience = patience;
    this.#onStall = onStall;
  }

  /** Counts from now on: something has come, or is waited for. */
  wait(): void {
    const { clock, bodyTimeoutMs } = this.#patience;
    this.#since = clock.monotonic();
    if (this.#timer === undefined && bodyTimeoutMs < Infinity) this.#arm(bodyTimeoutMs);
  }

  /** Counts no longer, until `wait` is called again. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** One timer for many pieces: it looks how long ago the last one was when it fires. */
  #arm(delayMs: number): void {
    this.#timer = this.#patience.clock.after(delayMs, () => {
      const leftMs = this.#since + this.#patience.bodyTimeoutMs - this.#patience.clock.monotonic();
      if (leftMs > 0) {
        this.#arm(leftMs);
        return;
      }
      this.#timer = undefined;
      this.#onStall();
    });
  }
}

/** The client has sent nothing of its body for too long: 408, and the end of the connection. */
export function bodyStalled(): RequestError {
  return new RequestError(408, 'HTTP_ERROR', 'Nothing more of the body has come for too long', {
    headers: { Connection: 'close' },
  });
}
