import type { Clock } from '../ports/clock.js';
import { unlessAborted } from './on-abort.js';
import { systemClock } from './system-clock.js';

/** What a wait may be given. */
export interface WaitOptions {
  /** Ends the wait at once: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The computer's clock unless given. */
  readonly clock?: Clock | undefined;
}

/**
 * Waits `delayMs` milliseconds; any finite length works. Leaves no timer and no listener behind.
 *
 * @throws the signal's reason, as soon as it aborts.
 * @throws {RangeError} when `delayMs` is not finite or below 0.
 */
export function sleep(delayMs: number, { signal, clock = systemClock }: WaitOptions = {}): Promise<void> {
  return unlessAborted(signal, (done) => {
    const timer = clock.after(delayMs, done);
    return () => timer.cancel();
  });
}
