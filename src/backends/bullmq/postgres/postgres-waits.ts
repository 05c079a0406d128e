import { isTaskError } from '../../../task/errors.js';
import { answerCodeOf, serverSilent } from '../server/server-failures.js';

/** How the client, and the server (`query_canceled`), say that something took too long. */
const TOO_LONG = new Set([
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'Connection terminated due to connection timeout',
  'timeout expired',
]);
const CANCELED = '57014';
/** It answers, but only that it ends or begins. */
const NOT_THERE = new Set(['57P01', '57P02', '57P03']);

/** Makes a call, and says of one that took too long what is said of all such calls. */
export async function inTime<T>(what: string, timeoutMs: number, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const tooLong = error instanceof Error && (TOO_LONG.has(error.message) || sqlStateOf(error) === CANCELED);
    throw tooLong ? serverSilent('postgres', what, timeoutMs) : error;
  }
}

/** Whether a call failed because the server was not there. */
export function isUnanswered(error: unknown): boolean {
  if (answerCodeOf(error) !== undefined) return false;
  if (isTaskError(error)) return error.code === 'BACKEND';
  const state = sqlStateOf(error);
  return state === undefined || NOT_THERE.has(state);
}

/** The code of an answer of the server's. */
function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return String(error.code);
}
