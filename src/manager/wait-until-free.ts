import type { Backend, StoredRun } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import { onAbort } from '../timing/on-abort.js';

/**
 * Waits until the run has ended and its handler has settled, at most `timeoutMs`, and no longer than the signal lets
 * it. Leaves nothing behind.
 */
export function waitUntilFree(
  backend: Backend,
  run: StoredRun,
  { clock, timeoutMs, signal }: { readonly clock: Clock; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      timer.cancel();
      forget();
      backend.unwatch(run, 'free', end);
      resolve();
    };
    const timer = clock.after(timeoutMs, end);
    const forget = onAbort(signal, end);
    backend.watch(run, 'free', end);
  });
}
