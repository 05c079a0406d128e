import type { Backend, Worker } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import { isFinal } from '../task/status.js';
import type { CloseReport } from './manager-options.js';
import type { RunAttempt } from './run-attempt.js';

/** How long aborted handlers have to tidy up before they are left behind. */
const TIDY_UP_MS = 250;

/** What a shutdown works with. */
export interface ShutdownParts {
  readonly backend: Backend;
  readonly worker: Worker;
  readonly clock: Clock;
  readonly atWork: Iterable<RunAttempt>;
  /** How many handlers hold a slot, those of import items too. */
  readonly slots: { readonly atWork: number };
}

/**
 * Stops in steps: nothing new begins; what runs may finish within `graceMs`; then it is told to stop and has 250 ms to
 * tidy up; what is still at work then is left behind.
 */
export async function shutDown(
  { backend, worker, clock, atWork, slots }: ShutdownParts,
  graceMs: number,
): Promise<CloseReport> {
  worker.stop();
  const running = [...atWork].filter((attempt) => !attempt.ended);
  let waiting = await backend.retire();
  await allEnded(running, graceMs, clock);

  const late = running.filter((attempt) => !attempt.ended);
  for (const attempt of late) attempt.interrupt();
  await allEnded(late, TIDY_UP_MS, clock);
  for (const attempt of late) attempt.abandon();

  const interrupted = new Set(late.filter(({ run }) => run.status !== 'completed'));
  const completed = running.filter((attempt) => isFinal(attempt.run.status) && !interrupted.has(attempt)).length;
  // Attempts that failed in the meantime have left runs that wait for another one; they count here and nowhere else.
  waiting += await backend.retire();
  return { completed, interrupted: interrupted.size, waiting, abandoned: slots.atWork };
}

/** Waits until every one of these attempts has ended, at most `timeoutMs`. */
async function allEnded(attempts: readonly RunAttempt[], timeoutMs: number, clock: Clock): Promise<void> {
  if (attempts.length === 0) return;
  await new Promise<void>((resolve) => {
    let open = attempts.length;
    const timer = clock.after(timeoutMs, resolve);
    for (const attempt of attempts) {
      attempt.whenEnded(() => {
        open -= 1;
        if (open > 0) return;
        timer.cancel();
        resolve();
      });
    }
  });
}
