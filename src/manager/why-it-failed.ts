import { TimeLimitError } from '../task/errors.js';

/** A handler that throws after its time limit has failed because of the limit, whatever it throws. */
export function whyItFailed(error: unknown, timeLimit: TimeLimitError | undefined): unknown {
  if (timeLimit === undefined || error === timeLimit) return error;
  return new TimeLimitError(timeLimit.limit, timeLimit.limitMs, { cause: error });
}
