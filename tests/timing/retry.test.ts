import { describe, expect, it } from '@jest/globals';
import { NonRetryableError, RetryLaterError } from '../../src/task/errors.js';
import { MAX_DELAYS, type RetryPolicy } from '../../src/task/retry-policy.js';
import { retry } from '../../src/timing/retry.js';
import { FakeClock } from '../fake-clock.js';

const policy: RetryPolicy = { maxAttempts: 4, initialDelayMs: 100, factor: 3, maxDelayMs: 500, jitter: 'none' };

/** Fails with what it is given, one after the other, then succeeds. Notes when it was called. */
function failing(clock: FakeClock, ...errors: unknown[]) {
  const calls: [number, number][] = [];
  const fn = (attempt: number): string => {
    calls.push([clock.monotonic(), attempt]);
    if (errors.length > 0) throw errors.shift();
    return 'done';
  };
  return { fn, calls };
}

describe('retry', () => {
  it('calls once where that succeeds', async () => {
    const clock = new FakeClock();
    const { fn, calls } = failing(clock);
    expect(await retry(fn, policy, { clock })).toBe('done');
    expect(calls).toEqual([[0, 1]]);
  });

  it('waits exactly as the policy says, capped by maxDelayMs', async () => {
    const clock = new FakeClock();
    const { fn, calls } = failing(clock, 'a', 'b', 'c');
    const result = retry(fn, policy, { clock });
    await clock.run(10_000);
    expect(await result).toBe('done');
    expect(calls).toEqual([
      [0, 1],
      [100, 2],
      [400, 3],
      [900, 4],
    ]);
  });

  it('draws the wait evenly with full jitter', async () => {
    const clock = new FakeClock();
    const { fn, calls } = failing(clock, 'a', 'b');
    const result = retry(fn, { ...policy, jitter: 'full' }, { clock, random: () => 0.5 });
    await clock.run(10_000);
    await result;
    expect(calls.map(([at]) => at)).toEqual([0, 50, 200]);
  });

  it('throws what was thrown last, unchanged, when the attempts are used up', async () => {
    const clock = new FakeClock();
    const last = { not: 'an error' };
    const result = retry(failing(clock, 'a', 'b', 'c', last).fn, policy, { clock });
    const caught = result.catch((error: unknown) => error);
    await clock.run(10_000);
    expect(await caught).toBe(last);
  });

  it('makes one attempt without a policy', async () => {
    const { fn, calls } = failing(new FakeClock(), 'a');
    await expect(retry(fn)).rejects.toBe('a');
    expect(calls).toHaveLength(1);
  });

  it('ends at once with a NonRetryableError', async () => {
    const clock = new FakeClock();
    const { fn, calls } = failing(clock, new NonRetryableError('never'));
    await expect(retry(fn, policy, { clock })).rejects.toMatchObject({ code: 'NON_RETRYABLE' });
    expect(calls).toHaveLength(1);
  });

  it('uses no attempt for a RetryLaterError, up to a limit', async () => {
    const clock = new FakeClock();
    const later = Array.from({ length: MAX_DELAYS + 1 }, () => new RetryLaterError(10));
    const { fn, calls } = failing(clock, ...later);
    const result = retry(fn, { ...policy, maxAttempts: 1 }, { clock });
    const caught = result.catch((error: unknown) => error);
    await clock.run(100_000);
    expect(await caught).toMatchObject({ code: 'RETRY_LATER' });
    expect(calls).toHaveLength(MAX_DELAYS + 1);
    expect(new Set(calls.map(([, attempt]) => attempt))).toEqual(new Set([1]));
  });

  describe('whose signal aborts', () => {
    it('during a wait ends at once with its reason and leaves no timer', async () => {
      const clock = new FakeClock();
      const controller = new AbortController();
      const { fn, calls } = failing(clock, 'a');
      const result = retry(fn, policy, { clock, signal: controller.signal });
      const caught = result.catch((error: unknown) => error);
      await clock.untilPending();
      controller.abort('enough');
      expect(await caught).toBe('enough');
      expect([clock.pending, calls.length]).toEqual([0, 1]);
    });

    it('before the call never calls', async () => {
      const { fn, calls } = failing(new FakeClock());
      await expect(retry(fn, policy, { signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
      expect(calls).toEqual([]);
    });

    it('during an attempt that fails throws what that threw', async () => {
      const clock = new FakeClock();
      const controller = new AbortController();
      const fn = (): never => {
        controller.abort('enough');
        throw new Error('mine');
      };
      await expect(retry(fn, policy, { clock, signal: controller.signal })).rejects.toMatchObject({ message: 'mine' });
      expect(clock.pending).toBe(0);
    });
  });

  it('refuses a malformed policy before it calls', async () => {
    const { fn, calls } = failing(new FakeClock());
    await expect(retry(fn, { maxAttempts: 0 })).rejects.toMatchObject({ name: 'RangeError' });
    expect(calls).toEqual([]);
  });
});
