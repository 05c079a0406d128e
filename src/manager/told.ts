import type { Logger } from '../ports/logger.js';

/** What the manager counts. */
export interface Tally {
  /** Handlers at work whose run or attempt has ended without them. */
  abandoned: number;
  /** Results, errors, progress, log lines and cancels that came too late. */
  dropped: number;
}

/** Where it is noted what became of a report. */
export interface Reports {
  readonly logger: Logger | undefined;
  readonly tally: Tally;
}

/**
 * The answer to what an attempt has reported: counts what came too late.
 *
 * @returns a promise that never rejects, where the backend answers later.
 */
export function told(answer: unknown, reports: Reports, runId: string): Promise<void> | undefined {
  if (answer instanceof Promise) {
    return answer.then(
      (valid) => countDropped(valid, reports),
      (error: unknown) => notTold(error, reports, runId),
    );
  }
  countDropped(answer, reports);
  return undefined;
}

/** A backend that fails must not leave a slot taken for ever: it is logged. */
export function notTold(err: unknown, { logger }: Reports, runId: string): void {
  logger?.error({ runId, err }, 'What an attempt reported could not be recorded');
}

function countDropped(valid: unknown, { tally }: Reports): void {
  if (valid === false) tally.dropped += 1;
}
