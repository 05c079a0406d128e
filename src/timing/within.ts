import type { Clock } from '../ports/clock.js';

/**
 * Waits until it is called back, at most `timeoutMs`.
 *
 * @param begin is given what to call when there is nothing left to wait for.
 */
export function within(timeoutMs: number, clock: Clock, begin: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(timeoutMs, resolve);
    begin(() => {
      timer.cancel();
      resolve();
    });
  });
}
