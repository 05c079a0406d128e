import { describe, expect, it, jest } from '@jest/globals';
import { NonRetryableError, RetryLaterError } from '../../src/task/errors.js';
import type { RetryPolicy } from '../../src/task/retry-policy.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { settle } from '../fake-clock.js';
import { newManager } from './workbench.js';

/** Fails until the given attempt. */
function failsUntil(success: number) {
  return jest.fn((ctx: TaskContext) => {
    if (ctx.attempt < success) throw new Error(`attempt ${ctx.attempt}`);
    return `attempt ${ctx.attempt}`;
  });
}

const plain: RetryPolicy = { maxAttempts: 3, initialDelayMs: 1_000, factor: 2, maxDelayMs: 1_500, jitter: 'none' };

describe('a failed attempt', () => {
  it('fails the run where there is no policy', async () => {
    const { manager } = newManager();
    const run = await manager.start('a', failsUntil(2));
    expect(await run.settled()).toMatchObject({ status: 'failed', attempt: 1, maxAttempts: 1 });
    await expect(run.result()).rejects.toMatchObject({ code: 'HANDLER_FAILED', cause: { message: 'attempt 1' } });
  });

  it('is tried again after exactly the delay, as retrying and never as failed', async () => {
    const { manager, clock } = newManager();
    const handler = failsUntil(3);
    const run = await manager.start('a', handler, { retry: plain });
    await clock.run(0);
    expect(await run.snapshot()).toMatchObject({ status: 'retrying', attempt: 1, dueAt: clock.now() + 1_000 });
    await clock.run(999);
    expect(handler).toHaveBeenCalledTimes(1);
    await clock.run(1);
    expect(await run.snapshot()).toMatchObject({ status: 'retrying', attempt: 2, dueAt: clock.now() + 1_500 });
    await clock.run(1_500);
    expect(await run.settled()).toMatchObject({ status: 'completed', result: 'attempt 3', error: null });
  });

  it('is remembered, the last ten of them', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', failsUntil(99), { retry: { ...plain, maxAttempts: 12, initialDelayMs: 0 } });
    await clock.run(100);
    const { failures, error } = await run.settled();
    expect(failures.map(({ attempt }) => attempt)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(error).toMatchObject({ attempt: 12, message: 'attempt 12', exposed: false });
  });

  it('waits a drawn part of the delay under full jitter', async () => {
    const { manager, clock } = newManager({ random: () => 0.25 });
    const run = await manager.start('a', failsUntil(2), { retry: { maxAttempts: 2, initialDelayMs: 1_000 } });
    await clock.run(249);
    expect((await run.snapshot())?.status).toBe('retrying');
    await clock.run(1);
    expect((await run.snapshot())?.status).toBe('completed');
  });

  it('waits as long when the time of day jumps', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', failsUntil(2), { retry: plain });
    await clock.run(0);
    clock.jump(86_400_000);
    await clock.run(999);
    expect((await run.snapshot())?.status).toBe('retrying');
    clock.jump(-2 * 86_400_000);
    await clock.run(1);
    expect((await run.snapshot())?.status).toBe('completed');
  });

  it('gives its slot to others while it waits', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    await manager.start('a', failsUntil(9), { retry: plain });
    const other = await manager.start('b', () => 'b');
    await clock.run(0);
    expect((await other.snapshot())?.status).toBe('completed');
  });

  it('is the last one after a NonRetryableError', async () => {
    const { manager, clock } = newManager();
    const handler = jest.fn(() => Promise.reject(new NonRetryableError('no such file')));
    const run = await manager.start('a', handler, { retry: plain });
    await clock.run(10_000);
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'NON_RETRYABLE', message: 'no such file', exposed: true },
    });
  });

  it('shows every attempt the same idempotency key, and a signal of its own', async () => {
    const { manager, clock } = newManager();
    const seen: { readonly idempotencyKey: string; readonly signal: AbortSignal }[] = [];
    const handler = ({ idempotencyKey, signal }: TaskContext) => {
      seen.push({ idempotencyKey, signal });
      if (seen.length < 3) throw new Error('again');
    };
    await manager.start('a', handler, { retry: plain });
    await clock.run(10_000);
    await (await manager.start('a', handler)).settled();
    expect(new Set(seen.slice(0, 3).map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(new Set(seen.map(({ signal }) => signal)).size).toBe(4);
    expect(seen[3]?.idempotencyKey).not.toBe(seen[0]?.idempotencyKey);
  });
});

describe('the idempotency key of a handler', () => {
  it('is another for each run of one id, within one millisecond and when the time of day goes back', async () => {
    const { manager, clock } = newManager();
    const keys: string[] = [];
    for (let n = 0; n < 10; n += 1) {
      await (await manager.start('a', (ctx) => void keys.push(ctx.idempotencyKey))).settled();
      if (n === 5) clock.jump(-10_000);
    }
    expect(new Set(keys).size).toBe(10);
  });

  it('names the run, the time of its acceptance and its place in the order of acceptances', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', (ctx) => ctx.idempotencyKey);
    expect(await run.result()).toBe(`a:${clock.now().toString(36)}-1`);
  });
});

describe('RetryLaterError', () => {
  it('waits as asked and uses no attempt', async () => {
    const { manager, clock } = newManager();
    const attempts: number[] = [];
    const run = await manager.start('a', (ctx) => {
      attempts.push(ctx.attempt);
      if (attempts.length < 4) throw new RetryLaterError(5_000);
    });
    await clock.run(4_999);
    expect(attempts).toEqual([1]);
    await clock.run(10_001);
    expect(await run.settled()).toMatchObject({ status: 'completed', attempt: 1, failures: [] });
    expect(attempts).toEqual([1, 1, 1, 1]);
  });

  it('is a failed attempt like any other after a hundred times', async () => {
    const { manager, clock } = newManager();
    const handler = jest.fn(() => Promise.reject(new RetryLaterError(10)));
    const run = await manager.start('a', handler, { retry: { maxAttempts: 2, initialDelayMs: 0 } });
    await clock.run(10_000);
    expect(await run.settled()).toMatchObject({ status: 'failed', attempt: 2, error: { code: 'RETRY_LATER' } });
    expect((await run.settled()).failures.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(handler).toHaveBeenCalledTimes(102);
  });
});

describe('retryOn', () => {
  it('decides whether an error is worth another attempt', async () => {
    const { manager, clock } = newManager();
    const retryOn = jest.fn(
      (error: unknown, attempt: number) => (error as Error).message === 'attempt 1' && attempt === 1,
    );
    const run = await manager.start('a', failsUntil(9), { retry: { ...plain, retryOn } });
    await clock.run(10_000);
    expect(await run.settled()).toMatchObject({ status: 'failed', attempt: 2 });
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['answers with a promise', async () => true],
    ['answers with a promise that rejects', () => Promise.reject(new Error('broken'))],
    [
      'answers with a thing whose then throws',
      () => ({
        get then() {
          throw new Error('broken');
        },
      }),
    ],
  ])('counts as no where it %s', async (_what, retryOn) => {
    const { manager, clock } = newManager();
    const retry = { ...plain, retryOn: retryOn as () => boolean };
    const run = await manager.start('a', failsUntil(9), { retry });
    await clock.run(10_000);
    await settle();
    expect(await run.settled()).toMatchObject({ status: 'failed', attempt: 1, error: { message: 'attempt 1' } });
  });
});
