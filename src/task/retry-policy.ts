import { checkDuration, checkInteger, checkOptions, show } from './checks.js';
import { type ErrorCode, MAX_DURATION_MS, steeringCodeOf } from './errors.js';
import { isThenable } from './thenable.js';

/** When and how often failed work is tried again. */
export interface RetryPolicy {
  /** All attempts, the first one included: 1 to 10,000. */
  readonly maxAttempts: number;
  /** The wait after the first failure, in milliseconds. Default 1,000. */
  readonly initialDelayMs?: number;
  /** Each further wait is this many times the one before: 1 to 100. Default 2. */
  readonly factor?: number;
  /** No wait is longer, in milliseconds. Default 60,000. */
  readonly maxDelayMs?: number;
  /** `'full'` (default) draws the wait evenly from 0 up to the computed one; `'none'` waits exactly that long. */
  readonly jitter?: 'full' | 'none';
  /** Says whether an error is worth another attempt; everything is, unless given. It must answer at once: one that throws, or answers with a promise, counts as no. */
  readonly retryOn?: ((error: unknown, attempt: number) => boolean) | undefined;
}

/** A {@link RetryPolicy} with every default filled in. */
export interface ResolvedRetryPolicy {
  readonly maxAttempts: number;
  readonly initialDelayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly jitter: 'full' | 'none';
  readonly retryOn: ((error: unknown, attempt: number) => boolean) | undefined;
}

/** How often a handler may throw `RetryLaterError` in one run before that counts as a failed attempt. */
export const MAX_DELAYS = 100;

const KNOWN = ['maxAttempts', 'initialDelayMs', 'factor', 'maxDelayMs', 'jitter', 'retryOn'];

/** What holds where no policy is given: one attempt. */
export const NO_RETRY: ResolvedRetryPolicy = {
  maxAttempts: 1,
  initialDelayMs: 1_000,
  factor: 2,
  maxDelayMs: 60_000,
  jitter: 'full',
  retryOn: undefined,
};

/**
 * Checks a policy and fills in its defaults.
 *
 * @throws {TypeError|RangeError} when a member is unknown, of the wrong type or out of range.
 */
export function resolveRetryPolicy(policy: RetryPolicy | undefined): ResolvedRetryPolicy {
  if (policy === undefined) return NO_RETRY;
  checkOptions('retry', policy, KNOWN);
  const { maxAttempts, retryOn, initialDelayMs = NO_RETRY.initialDelayMs, factor = NO_RETRY.factor } = policy;
  const { maxDelayMs = NO_RETRY.maxDelayMs, jitter = NO_RETRY.jitter } = policy;
  checkInteger('retry.maxAttempts', maxAttempts, { min: 1, max: 10_000 });
  checkDuration('retry.initialDelayMs', initialDelayMs);
  checkDuration('retry.maxDelayMs', maxDelayMs);
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 100)) {
    throw new RangeError(`retry.factor must be a number from 1 to 100; got ${show(factor)}`);
  }
  if (!(['full', 'none'] as const).includes(jitter)) {
    throw new RangeError(`retry.jitter must be 'full' or 'none'; got ${show(jitter)}`);
  }
  if (retryOn !== undefined && typeof retryOn !== 'function') {
    throw new TypeError(`retry.retryOn must be a function (error, attempt) => boolean; got ${show(retryOn)}`);
  }
  return { maxAttempts, initialDelayMs, factor, maxDelayMs, jitter, retryOn };
}

/**
 * The wait before the attempt after `attempt`, in milliseconds: `min(maxDelayMs, initialDelayMs × factor^(attempt − 1))`,
 * and with full jitter an even draw from 0 up to that.
 *
 * @param random gives numbers from 0 up to, not including, 1; whatever else it does counts as no draw: the whole wait.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ for full jitter
 */
export function retryDelayMs(policy: ResolvedRetryPolicy, attempt: number, random: () => number): number {
  const computed = policy.initialDelayMs === 0 ? 0 : policy.initialDelayMs * policy.factor ** (attempt - 1);
  const capped = Math.min(policy.maxDelayMs, computed);
  return Math.round(policy.jitter === 'full' ? draw(random) * capped : capped);
}

/** A run must not be left without an end by a source of random numbers that was given. */
function draw(random: () => number): number {
  try {
    const drawn = random();
    return drawn >= 0 && drawn < 1 ? drawn : 1;
  } catch {
    return 1;
  }
}

/** What follows a failed attempt: another one after a wait, or the end. */
export type RetryDecision =
  { readonly again: true; readonly delayMs: number; readonly usesAttempt: boolean } | { readonly again: false };

/** What {@link decideRetry} has to know. */
export interface FailedAttempt {
  readonly error: unknown;
  /** The attempt that failed, counted from 1. */
  readonly attempt: number;
  /** How often `RetryLaterError` was granted before. */
  readonly delays: number;
  readonly random: () => number;
}

/**
 * Decides what follows a failed attempt: the one place where retries of runs, items and `retry()` are decided. Never
 * throws, and every delay it gives is from 0 to ten years.
 */
export function decideRetry(policy: ResolvedRetryPolicy, failed: FailedAttempt): RetryDecision {
  const { error, attempt, delays, random } = failed;
  const code = steeringCodeOf(error);
  if (code === 'RETRY_LATER' && delays < MAX_DELAYS) {
    return { again: true, delayMs: laterDelayMs(error), usesAttempt: false };
  }
  if (attempt >= policy.maxAttempts || isHopeless(code) || !accepts(policy, error, attempt)) return { again: false };
  return { again: true, delayMs: retryDelayMs(policy, attempt, random), usesAttempt: true };
}

/** An error that crossed a thread may carry the delay in its details only; where none can be read there is no wait. */
function laterDelayMs(error: unknown): number {
  return durationOf(error, 'delayMs') ?? durationOf(memberOf(error, 'details'), 'delayMs') ?? 0;
}

function durationOf(value: unknown, name: string): number | undefined {
  const found = memberOf(value, name);
  return typeof found === 'number' && found >= 0 && found <= MAX_DURATION_MS ? found : undefined;
}

/** A member of something that was thrown, whose getters may throw. */
function memberOf(value: unknown, name: string): unknown {
  try {
    return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  } catch {
    return undefined;
  }
}

/** Errors that another attempt cannot mend. Where it is the handler's own input that was refused, the attempt says so. */
const HOPELESS: readonly (ErrorCode | undefined)[] = ['NON_RETRYABLE', 'INPUT_INVALID', 'RESULT_INVALID', 'CRASHED'];

function isHopeless(code: ErrorCode | undefined): boolean {
  return HOPELESS.includes(code);
}

function accepts(policy: ResolvedRetryPolicy, error: unknown, attempt: number): boolean {
  if (policy.retryOn === undefined) return true;
  try {
    const answer: unknown = policy.retryOn(error, attempt);
    if (!isThenable(answer)) return Boolean(answer);
    // What comes later is no answer, but its rejection must not take the process down.
    Promise.resolve(answer).catch(() => undefined);
    return false;
  } catch {
    return false;
  }
}
