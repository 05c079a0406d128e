import type { Outcome } from '../../../ports/backend.js';
import { TaskError } from '../../../task/errors.js';
import { MAX_FAILURES, type RunError } from '../../../task/run.js';
import { describeError } from '../../../task/run-error.js';
import type { FinalStatus } from '../../../task/status.js';
import { causeText } from '../../live/stored-values.js';
import type { Delivery } from '../delivering/delivery.js';
import { type AttemptsState, FleetRun, type RunState } from './fleet-run.js';
import { STEP, versionOf } from './run-version.js';

/** How an attempt has failed. */
export interface Failure {
  readonly error: RunError;
  readonly cause: unknown;
}

/** What has happened to a run that waited too long. */
export function expiredAt(attempt: number): Failure {
  const cause = new TaskError('QUEUE_EXPIRED', 'The run was not started in time (expiresInMs)');
  return { cause, error: describeError(cause, attempt) };
}

/** What a failed attempt leaves for the job. */
export function failedAttempts(
  run: FleetRun,
  delivery: Delivery,
  { error, cause }: Failure,
  at: number,
): AttemptsState {
  const { attempts } = delivery;
  return {
    ...endedAttempt(run, delivery, at),
    used: attempts.used + 1,
    failures: addFailure(attempts.failures, error, at),
    error,
    causeText: causeText(cause),
  };
}

/** What an attempt leaves after which the run is tried again. */
export function retriedAttempts(
  run: FleetRun,
  delivery: Delivery,
  outcome: Outcome & { type: 'retry' },
  at: number,
): AttemptsState {
  const { attempts } = delivery;
  const { error, cause, delayMs, usesAttempt } = outcome;
  return {
    ...endedAttempt(run, delivery, at),
    used: attempts.used + (usesAttempt ? 1 : 0),
    delays: attempts.delays + (usesAttempt ? 0 : 1),
    // A delay that the handler asked for is no failure.
    failures: usesAttempt ? addFailure(attempts.failures, error, at) : attempts.failures,
    error,
    causeText: causeText(cause),
    dueAt: at + delayMs,
  };
}

/** What an attempt leaves that the manager has interrupted while its handler stays at work: its process dies with it. */
export function interruptedAttempts(run: FleetRun, delivery: Delivery, at: number): AttemptsState {
  return { ...endedAttempt(run, delivery, at), dueAt: null, stallsBefore: delivery.stalls + 1 };
}

function endedAttempt({ state }: FleetRun, { attempts, number, stalls }: Delivery, at: number): AttemptsState {
  return {
    ...attempts,
    attempt: state.attempt,
    delivery: number,
    startedAt: state.startedAt,
    dueAt: state.dueAt,
    stallsBefore: stalls,
    at,
  };
}

function addFailure(failures: AttemptsState['failures'], error: RunError, at: number): AttemptsState['failures'] {
  return Object.freeze([...failures.slice(1 - MAX_FAILURES), Object.freeze({ ...error, at })]);
}

/** The run as it will be when its end is kept; the run itself stays as it is until then. */
export function endedRun(
  run: FleetRun,
  delivery: Delivery,
  end: Partial<RunState> & { readonly status: FinalStatus; readonly updatedAt: number },
): FleetRun {
  const version = versionOf(run.origin.versionBase, delivery.number, STEP.final);
  const state = { ...run.state, version, active: false, finishedAt: end.updatedAt, ...end };
  return new FleetRun(run.origin, state, () => run.input);
}
