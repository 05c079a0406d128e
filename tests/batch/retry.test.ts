import { describe, expect, it } from '@jest/globals';
import { BatchProcessor } from '../../src/batch/batch-processor.js';
import type { ItemContext } from '../../src/batch/batch-item.js';
import { NonRetryableError, RetryLaterError } from '../../src/task/errors.js';
import type { RetryPolicy } from '../../src/task/retry-policy.js';
import { FakeClock, settle } from '../fake-clock.js';
import { CountingSource } from './probe.js';

const retry: RetryPolicy = { maxAttempts: 3, initialDelayMs: 100, factor: 2, jitter: 'none' };

describe('an item that fails', () => {
  it('is tried again after the delay of the policy, with an attempt and a signal of its own', async () => {
    const clock = new FakeClock();
    const tries: [number, number][] = [];
    const signals = new Set<AbortSignal>();
    const failTwice = (_: string, ctx: ItemContext): string => {
      tries.push([clock.monotonic(), ctx.attempt]);
      signals.add(ctx.signal);
      if (ctx.attempt < 3) throw new Error('not yet');
      return 'done';
    };
    const result = new BatchProcessor({ clock, retry }).process(['x'], failTwice);
    await clock.run(1_000);
    expect(tries).toEqual([
      [0, 1],
      [100, 2],
      [300, 3],
    ]);
    expect(signals.size).toBe(3);
    expect((await result).outcomes).toEqual([{ index: 0, item: 'x', status: 'succeeded', value: 'done', attempts: 3 }]);
    expect(clock.pending).toBe(0);
  });

  it('fails with its last error when its attempts are used up', async () => {
    const clock = new FakeClock();
    const no = (_: number, { attempt }: ItemContext): never => {
      throw new Error(`attempt ${attempt}`);
    };
    const result = new BatchProcessor({ clock }).process([1], no, { retry });
    await clock.run(1_000);
    expect((await result).outcomes).toMatchObject([{ status: 'failed', attempts: 3, error: { message: 'attempt 3' } }]);
  });

  it('is not tried again without a policy, nor after a NonRetryableError', async () => {
    const no = (): never => {
      throw new NonRetryableError('no');
    };
    const fail = (): never => {
      throw new Error('no');
    };
    expect((await new BatchProcessor().process([1], fail)).outcomes).toMatchObject([{ attempts: 1 }]);
    expect((await new BatchProcessor({ retry }).process([1], no)).outcomes).toMatchObject([{ attempts: 1 }]);
  });

  it('with RetryLaterError uses no attempt', async () => {
    const clock = new FakeClock();
    let calls = 0;
    const later = (_: number, { attempt }: ItemContext): number => {
      calls += 1;
      if (calls <= 5) throw new RetryLaterError(1_000);
      return attempt;
    };
    const result = new BatchProcessor({ clock }).process([1], later);
    await clock.run(5_000);
    expect((await result).outcomes).toMatchObject([{ status: 'succeeded', value: 1, attempts: 1 }]);
  });

  it('holds no slot while it waits, and goes before new items when its wait is over', async () => {
    const clock = new FakeClock();
    const order: string[] = [];
    const failFirst = async (item: string, { attempt }: ItemContext): Promise<void> => {
      order.push(`${item}${attempt}`);
      if (item === 'c') await clock.run(100);
      if (item === 'a' && attempt === 1) throw new Error('no');
    };
    const processor = new BatchProcessor({ clock, retry, maxConcurrent: 1 });
    expect(await processor.process(['a', 'b', 'c', 'd'], failFirst)).toMatchObject({ succeeded: 4 });
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'd1']);
  });

  it('stops the pulling when batchSize of them wait', async () => {
    const clock = new FakeClock();
    const source = new CountingSource(40);
    const failFirst = (_: number, { attempt }: ItemContext): void => {
      if (attempt === 1) throw new Error('no');
    };
    const processor = new BatchProcessor({ clock, retry, maxConcurrent: 2, batchSize: 10 });
    const result = processor.process(source, failFirst);
    await settle();
    expect([source.pulled, clock.monotonic()]).toEqual([10, 0]);
    await clock.run(100);
    expect(source.pulled).toBeGreaterThan(10);
    await clock.run(1_000);
    expect(await result).toMatchObject({ total: 40, succeeded: 40 });
  });

  it('is cancelled at once by an abort while it waits, with the attempts it made', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const fail = (): never => {
      throw new Error('no');
    };
    const result = new BatchProcessor({ clock, retry }).process([1], fail, { signal: controller.signal });
    await clock.run(150);
    controller.abort('enough');
    expect((await result).outcomes).toEqual([{ index: 0, item: 1, status: 'cancelled', error: 'enough', attempts: 2 }]);
    expect(clock.pending).toBe(0);
  });

  it('is cancelled when the policy itself stops the call', async () => {
    const controller = new AbortController();
    const fail = (): never => {
      throw new Error('no');
    };
    const retryOn = (): boolean => (controller.abort(), true);
    const { signal } = controller;
    const result = await new BatchProcessor().process([1], fail, { signal, retry: { ...retry, retryOn } });
    expect(result).toMatchObject({ total: 1, cancelled: 1 });
  });

  it('after an abort is cancelled, not tried again', async () => {
    const controller = new AbortController();
    let calls = 0;
    const fail = (): never => {
      calls += 1;
      controller.abort();
      throw new RetryLaterError(0);
    };
    const result = await new BatchProcessor({ retry }).process([1], fail, { signal: controller.signal });
    expect([result.cancelled, calls]).toEqual([1, 1]);
  });
});
