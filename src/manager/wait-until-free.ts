import type { Backend, StoredRun } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';

/** Waits until the run has ended and its handler has settled, at most `timeoutMs`. Leaves nothing behind. */
export function waitUntilFree(
  backend: Backend,
  run: StoredRun,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<void> {
  return new Promise((resolve) => {
    const onFree = (): void => {
      timer.cancel();
      resolve();
    };
    const timer = clock.after(timeoutMs, () => {
      backend.unwatch(run, 'free', onFree);
      resolve();
    });
    backend.watch(run, 'free', onFree);
  });
}
