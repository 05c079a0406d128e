import { decideRetry, resolveRetryPolicy, type RetryPolicy } from '../task/retry-policy.js';
import { sleep, type WaitOptions } from './sleep.js';

/** What {@link retry} may be given beside its policy. */
export interface RetryOptions extends WaitOptions {
  /** Draws the jitter: numbers from 0 up to, not including, 1. `Math.random` unless given. */
  readonly random?: () => number;
}

/**
 * Calls `fn` until it succeeds or the policy gives up, for code inside handlers. `NonRetryableError` ends it at once;
 * `RetryLaterError` waits without using up an attempt. Without a policy there is one attempt.
 *
 * @param fn is given the attempt, counted from 1.
 * @returns what `fn` returned.
 * @throws what `fn` threw last, unchanged; or the signal's reason, at once, when it aborts before an attempt or during
 * a wait.
 * @throws {TypeError|RangeError} when the policy is malformed.
 */
export async function retry<T>(
  fn: (attempt: number) => T | PromiseLike<T>,
  policy?: RetryPolicy,
  { signal, clock, random = Math.random }: RetryOptions = {},
): Promise<T> {
  const resolved = resolveRetryPolicy(policy);
  let delays = 0;
  for (let attempt = 1; ;) {
    signal?.throwIfAborted();
    try {
      return await fn(attempt);
    } catch (error) {
      const next = decideRetry(resolved, { error, attempt, delays, random });
      if (!next.again || signal?.aborted) throw error;
      if (next.usesAttempt) attempt += 1;
      else delays += 1;
      await sleep(next.delayMs, { signal, clock });
    }
  }
}
