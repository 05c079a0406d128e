import { codeOf, isTaskError, TaskError, telling, tellsOfRun } from './errors.js';
import type { Run, RunError } from './run.js';

const MAX_MESSAGE = 2_000;

/**
 * Describes whatever a handler threw, for the run's record. Never throws: getters, proxies and `toString` that throw
 * have each left a run `running` for ever elsewhere.
 *
 * An error of another run's `result()` that the handler let through is a `HANDLER_FAILED`: it is the other run that was
 * cancelled, ran out of time or had the wrong input.
 */
export function describeError(thrown: unknown, attempt: number): RunError {
  const code = codeOf(thrown);
  if (code !== undefined && isTaskError(thrown)) {
    return Object.freeze({
      code: tellsOfRun(thrown) ? 'HANDLER_FAILED' : code,
      name: textOf(thrown, 'name', 'TaskError'),
      message: textOf(thrown, 'message', ''),
      attempt,
      exposed: true,
    });
  }
  return Object.freeze({ code: 'HANDLER_FAILED', ...nameAndMessage(thrown), attempt, exposed: false });
}

/**
 * The error that `result()` rejects with: its code and message say why the run ended; its `cause` is what the handler
 * threw.
 */
export function resultError(run: Run, cause: unknown): TaskError {
  const details = { runId: run.id, status: run.status, attempt: run.attempt };
  if (run.status === 'cancelled') {
    const why = run.cancelReason === null ? '' : `: ${run.cancelReason}`;
    return telling(new TaskError('RUN_CANCELLED', `Run ${run.id} was cancelled${why}`, { details }));
  }
  const { code, message } = run.error ?? { code: 'HANDLER_FAILED' as const, message: 'unknown' };
  return telling(new TaskError(code, `Run ${run.id} failed: ${message}`, { details, cause }));
}

function nameAndMessage(thrown: unknown): { name: string; message: string } {
  if (typeof thrown === 'object' && thrown !== null) {
    return {
      name: textOf(thrown, 'name', 'Error'),
      message: textOf(thrown, 'message', 'an object without a message was thrown'),
    };
  }
  if (typeof thrown === 'function') return { name: 'Error', message: 'a function was thrown' };
  return { name: 'Error', message: String(thrown).slice(0, MAX_MESSAGE) };
}

function textOf(thrown: object, member: 'name' | 'message', otherwise: string): string {
  try {
    const value: unknown = Reflect.get(thrown, member);
    return typeof value === 'string' ? value.slice(0, member === 'name' ? 100 : MAX_MESSAGE) : otherwise;
  } catch {
    return otherwise;
  }
}
