import type { Backend } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import { isFinal, isWaiting } from '../task/status.js';
import { within } from '../timing/within.js';
import { STOP_MS } from './stoppable-work.js';
import type { CloseReport } from './manager-options.js';
import type { RunAttempt } from './run-attempt.js';

/** How long aborted handlers have to tidy up before they are left behind. */
const TIDY_UP_MS = 250;
/** How long the backend has to record what was reported to it last. */
const RECORD_MS = 250;

/** What a shutdown works with. */
export interface ShutdownParts {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly atWork: Iterable<RunAttempt>;
  /** How many handlers hold a slot, those of import items too. */
  readonly slots: { readonly atWork: number };
}

/**
 * Stops in steps, once no run is delivered any more: what runs may finish within `graceMs`; then it is told to stop and
 * has 250 ms to tidy up; what is still at work then is left behind.
 */
export async function shutDown(parts: ShutdownParts, graceMs: number): Promise<CloseReport> {
  const { backend, clock, atWork, slots } = parts;
  const running = [...atWork].filter((attempt) => !attempt.record.answered);
  let waiting = await backend.retire();
  await allRecorded(running, graceMs, clock);

  const late = running.filter((attempt) => !attempt.ended || attempt.outlivedByChildren);
  for (const attempt of late) attempt.interrupt();
  await allRecorded(late, TIDY_UP_MS, clock);
  for (const attempt of late) attempt.abandon();
  // Work that can be ended by force is over when it has stopped.
  await allRecorded(late, STOP_MS, clock);
  await allTold([...atWork], clock);

  const interrupted = new Set(late.filter(({ run }) => run.status !== 'completed'));
  const others = running.filter((attempt) => !interrupted.has(attempt));
  const completed = others.filter(({ run }) => isFinal(run.status)).length;
  // Attempts that failed in the meantime have left runs that wait for another one. The backend counts them too, but
  // where runs are kept it counts again all those that had waited before.
  waiting += others.filter(({ run }) => isWaiting(run.status)).length;
  await backend.retire();
  return { completed, interrupted: interrupted.size, waiting, abandoned: slots.atWork };
}

/** Waits until the end of every one of these attempts is recorded, at most `timeoutMs`. */
async function allRecorded(attempts: readonly RunAttempt[], timeoutMs: number, clock: Clock): Promise<void> {
  if (attempts.length === 0) return;
  await within(timeoutMs, clock, (done) => {
    let open = attempts.length;
    for (const attempt of attempts) {
      attempt.record.when(() => {
        open -= 1;
        if (open === 0) done();
      });
    }
  });
}

/** Waits until the backend has answered to all that these attempts have reported; it may never do so. */
async function allTold(attempts: readonly RunAttempt[], clock: Clock): Promise<void> {
  const telling = attempts.flatMap((attempt) => attempt.record.telling ?? []);
  if (telling.length === 0) return;
  await within(RECORD_MS, clock, (done) => void Promise.all(telling).then(done));
}
