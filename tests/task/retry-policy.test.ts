import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NonRetryableError, RetryLaterError, steering, TaskError } from '../../src/task/errors.js';
import {
  decideRetry,
  MAX_DELAYS,
  NO_RETRY,
  resolveRetryPolicy,
  retryDelayMs,
  type RetryPolicy,
} from '../../src/task/retry-policy.js';

const random = (): number => 0.5;
const resolved = (policy: Partial<RetryPolicy> = {}) =>
  resolveRetryPolicy({ maxAttempts: 3, jitter: 'none', ...policy });
const decide = (error: unknown, { attempt = 1, delays = 0, policy = resolved() } = {}) =>
  decideRetry(policy, { error, attempt, delays, random });

describe('a retry policy', () => {
  it('is one attempt unless given', () => {
    expect(resolveRetryPolicy(undefined)).toBe(NO_RETRY);
    expect(NO_RETRY.maxAttempts).toBe(1);
  });

  it('has defaults, also for members that are undefined', () => {
    const defaults = { maxAttempts: 3, initialDelayMs: 1_000, factor: 2, maxDelayMs: 60_000, jitter: 'full' };
    expect(resolveRetryPolicy({ maxAttempts: 3 })).toEqual({ ...defaults, retryOn: undefined });
    const unset = { maxAttempts: 3, factor: undefined, jitter: undefined, maxDelayMs: undefined };
    expect(resolveRetryPolicy(unset as unknown as RetryPolicy)).toEqual({ ...defaults, retryOn: undefined });
  });

  const malformed: [string, unknown, string][] = [
    ['no object', 3, 'TypeError'],
    ['an array', [], 'TypeError'],
    ['an unknown member', { maxAttempts: 3, retries: 2 }, 'TypeError'],
    ['no maxAttempts at all', { maxAttempts: null }, 'TypeError'],
    ['no attempt', { maxAttempts: 0 }, 'RangeError'],
    ['half an attempt', { maxAttempts: 1.5 }, 'RangeError'],
    ['too many attempts', { maxAttempts: 10_001 }, 'RangeError'],
    ['a negative delay', { maxAttempts: 2, initialDelayMs: -1 }, 'RangeError'],
    ['an endless delay', { maxAttempts: 2, maxDelayMs: Infinity }, 'RangeError'],
    ['a factor below 1', { maxAttempts: 2, factor: 0.5 }, 'RangeError'],
    ['a factor that is NaN', { maxAttempts: 2, factor: NaN }, 'RangeError'],
    ['an unknown jitter', { maxAttempts: 2, jitter: 'some' }, 'RangeError'],
    ['a retryOn that is no function', { maxAttempts: 2, retryOn: true }, 'TypeError'],
  ];

  it.each(malformed)('is refused with %s', (_, policy, name) => {
    let thrown: unknown;
    try {
      resolveRetryPolicy(policy as RetryPolicy);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name });
  });
});

describe('the delay', () => {
  it('grows by the factor up to maxDelayMs', () => {
    const policy = resolved({ initialDelayMs: 100, factor: 3, maxDelayMs: 2_000 });
    expect([1, 2, 3, 4, 5, 10_000].map((attempt) => retryDelayMs(policy, attempt, random))).toEqual([
      100, 300, 900, 2_000, 2_000, 2_000,
    ]);
  });

  it('of 0 stays 0, however many attempts were made', () => {
    expect(retryDelayMs(resolved({ initialDelayMs: 0, factor: 100 }), 9_999, random)).toBe(0);
  });

  it('with full jitter is drawn from 0 up to the computed one', () => {
    const policy = resolved({ initialDelayMs: 1_000, jitter: 'full' });
    const at = (draw: number): number => retryDelayMs(policy, 1, () => draw);
    expect([at(0), at(0.25), at(0.999_999)]).toEqual([0, 250, 1_000]);
  });

  it('is always a whole number from 0 to maxDelayMs', () => {
    const policies = fc.record({
      maxAttempts: fc.constant(10_000),
      initialDelayMs: fc.nat({ max: 1_000_000 }),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      maxDelayMs: fc.nat({ max: 1_000_000 }),
      jitter: fc.constantFrom('full' as const, 'none' as const),
    });
    const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 10_000 }), draws, (policy, attempt, draw) => {
        const delayMs = retryDelayMs(resolveRetryPolicy(policy), attempt, () => draw);
        expect(Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= policy.maxDelayMs).toBe(true);
      }),
    );
  });
});

describe('after a failed attempt', () => {
  it('comes another one, until maxAttempts are used up', () => {
    expect(decide('no', { attempt: 1 })).toEqual({ again: true, delayMs: 1_000, usesAttempt: true });
    expect(decide('no', { attempt: 2 })).toEqual({ again: true, delayMs: 2_000, usesAttempt: true });
    expect(decide('no', { attempt: 3 })).toEqual({ again: false });
  });

  it.each<[string, TaskError]>([
    ['NonRetryableError', new NonRetryableError('no')],
    ['INPUT_INVALID of its own input', steering(new TaskError('INPUT_INVALID', 'no'))],
  ])('with %s comes the end', (_, error) => {
    expect(decide(error)).toEqual({ again: false });
  });

  it('retryOn decides, and one that throws says no', () => {
    const policy = resolved({
      retryOn: (error, attempt) => {
        if (error === 'throw') throw new Error('no');
        return error === 'again' && attempt === 1;
      },
    });
    expect(decide('again', { policy })).toMatchObject({ again: true });
    expect(decide('again', { policy, attempt: 2 })).toEqual({ again: false });
    expect(decide('throw', { policy })).toEqual({ again: false });
  });

  it('with RetryLaterError another one follows that uses none up, even without a policy', () => {
    const error = new RetryLaterError(5_000);
    expect(decide(error, { policy: NO_RETRY })).toEqual({ again: true, delayMs: 5_000, usesAttempt: false });
    expect(decide(error, { policy: NO_RETRY, delays: MAX_DELAYS })).toEqual({ again: false });
    expect(decide(error, { delays: MAX_DELAYS })).toMatchObject({ again: true, usesAttempt: true });
  });

  it.each(['NON_RETRYABLE', 'RETRY_LATER', 'INPUT_INVALID'] as const)(
    'an error that only has the code %s decides nothing',
    (code) => {
      expect(decide(new TaskError(code, 'of another run'))).toEqual({ again: true, delayMs: 1_000, usesAttempt: true });
      expect(decide(new TaskError(code, 'of another run'), { policy: NO_RETRY })).toEqual({ again: false });
    },
  );

  it('with RetryLaterError there is no wait where its delay is none or cannot be read', () => {
    const refuses = (): never => {
      throw new Error('boom');
    };
    const unreadable = new RetryLaterError(5, 'later');
    for (const name of ['delayMs', 'details']) Object.defineProperty(unreadable, name, { get: refuses });
    expect(decide(unreadable)).toEqual({ again: true, delayMs: 0, usesAttempt: false });
    for (const delayMs of [NaN, -1, Infinity, '5'])
      expect(decide(Object.assign(new RetryLaterError(7), { delayMs }))).toMatchObject({ delayMs: 7 });
  });

  it.each([NaN, -1, 1, Infinity])('a draw of %s is none: the wait is the whole one', (drawn) => {
    const policy = resolved({ jitter: 'full' });
    expect(retryDelayMs(policy, 1, () => drawn)).toBe(1_000);
  });

  it('a source of random numbers that throws makes the wait the whole one', () => {
    const random = (): never => {
      throw new Error('boom');
    };
    expect(retryDelayMs(resolved({ jitter: 'full' }), 1, random)).toBe(1_000);
  });

  it('with a RETRY_LATER of another copy of the package the delay is read from its details', () => {
    const foreign = (delayMs: unknown) => steering(new TaskError('RETRY_LATER', 'later', { details: { delayMs } }));
    expect(decide(foreign(70))).toMatchObject({ delayMs: 70 });
    for (const wrong of [-1, NaN, Infinity, '5', undefined])
      expect(decide(foreign(wrong))).toMatchObject({ delayMs: 0 });
  });

  it.each([null, undefined, 0, '', Symbol('thrown'), () => 1])('anything may have been thrown', (error) => {
    expect(decide(error)).toMatchObject({ again: true });
  });
});
