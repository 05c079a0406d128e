import { describe, expect, it, jest } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { settle } from '../fake-clock.js';
import { aborted, Gate, hang, newManager } from './workbench.js';

describe('the soft limit', () => {
  it('aborts the signal with a TimeLimitError', async () => {
    const { manager, clock } = newManager();
    let signal: AbortSignal | undefined;
    await manager.start('a', (ctx) => aborted((signal = ctx.signal)), { softLimitMs: 100 });
    await clock.run(99);
    expect(signal?.aborted).toBe(false);
    await clock.run(1);
    expect(signal?.reason).toMatchObject({ name: 'TimeLimitError', code: 'TIME_LIMIT', limit: 'soft', limitMs: 100 });
  });

  it('lets a handler complete that tidies up and returns', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', (ctx) => aborted(ctx.signal).catch(() => 'tidy'), { softLimitMs: 100 });
    await clock.run(100);
    expect(await run.settled()).toMatchObject({ status: 'completed', result: 'tidy' });
  });

  it('fails one that throws, whatever it throws, with TIME_LIMIT', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start(
      'a',
      (ctx) => aborted(ctx.signal).catch(() => Promise.reject(new Error('connection lost'))),
      { softLimitMs: 100 },
    );
    await clock.run(100);
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      error: { code: 'TIME_LIMIT', name: 'TimeLimitError' },
    });
    await expect(run.result()).rejects.toMatchObject({ cause: { cause: { message: 'connection lost' } } });
  });

  it('counts from the start of each attempt, not from the start of the run', async () => {
    const { manager, clock } = newManager();
    const deadlines: unknown[] = [];
    const handler = (ctx: TaskContext) => {
      deadlines.push(Number(ctx.deadlineAt) - clock.now());
      return aborted(ctx.signal);
    };
    const retry = { maxAttempts: 2, initialDelayMs: 1_000, jitter: 'none' as const };
    const run = await manager.start('a', handler, { softLimitMs: 100, retry, delayMs: 5_000 });
    await clock.run(5_000 + 100 + 1_000 + 99);
    expect((await run.snapshot())?.status).toBe('running');
    await clock.run(1);
    expect(await run.settled()).toMatchObject({ status: 'failed', attempt: 2 });
    expect(deadlines).toEqual([100, 100]);
  });
});

describe('the hard limit', () => {
  it('ends the attempt at once; a handler still at work makes the run abandoned', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', hang, { hardLimitMs: 200 });
    await clock.run(199);
    expect((await run.snapshot())?.status).toBe('running');
    await clock.run(1);
    expect(await run.settled()).toMatchObject({ status: 'failed', abandoned: true, error: { code: 'TIME_LIMIT' } });
    expect(await manager.counts()).toMatchObject({ atWork: 1, abandoned: 1 });
  });

  it('aborts the signal if nothing has, and leaves the first reason where something has', async () => {
    const { manager, clock } = newManager();
    const reasons: unknown[] = [];
    const handler = (ctx: TaskContext) => {
      ctx.signal.addEventListener('abort', () => reasons.push((ctx.signal.reason as { limit: string }).limit));
      return hang();
    };
    await manager.start('hard', handler, { hardLimitMs: 200 });
    await manager.start('both', handler, { softLimitMs: 100, hardLimitMs: 200 });
    await clock.run(300);
    expect(reasons).toEqual(['soft', 'hard']);
  });

  it('is retried like any failure, but not before the handler has settled', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const handler = jest.fn((ctx: TaskContext) => (ctx.attempt === 1 ? gate.promise : 'second'));
    const run = await manager.start('a', handler, { hardLimitMs: 100, retry: { maxAttempts: 2, initialDelayMs: 10 } });
    await clock.run(10_000);
    expect(await run.snapshot()).toMatchObject({ status: 'retrying', abandoned: true, attempt: 1 });
    expect(handler).toHaveBeenCalledTimes(1);
    gate.open('late');
    expect(await run.settled()).toMatchObject({ status: 'completed', result: 'second', attempt: 2, abandoned: false });
  });

  it('that passes during a cancel ends the run as cancelled', async () => {
    const { manager, clock } = newManager({ graceMs: 1_000 });
    const run = await manager.start('a', hang, { hardLimitMs: 100, retry: { maxAttempts: 5 } });
    await settle();
    await run.cancel();
    await clock.run(100);
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: true });
  });
});

describe('time limits', () => {
  it.each([true, false])(
    'pass while an asynchronous schema looks at the input (accepted after all: %p)',
    async (fits) => {
      const { manager, clock } = newManager({ concurrency: 1 });
      const gate = new Gate<{ value: unknown } | { issues: [] }>();
      const handler = jest.fn();
      let calls = 0;
      const validate = (value: unknown) => ((calls += 1) === 1 ? { value } : gate.promise);
      const input = { '~standard': { version: 1 as const, vendor: 'test', validate } };
      const run = await manager.start(defineTask({ name: 't', input, limits: { hardLimitMs: 100 }, handler }), 1);
      await clock.run(100);
      expect(await run.settled()).toMatchObject({ status: 'failed', abandoned: true, error: { code: 'TIME_LIMIT' } });
      expect((await manager.counts()).atWork).toBe(1);
      gate.open(fits ? { value: 1 } : { issues: [] });
      await settle();
      expect((await manager.counts()).atWork).toBe(0);
      expect(handler).not.toHaveBeenCalled();
    },
  );

  it('are not reached by a jump of the time of day, nor put off by one', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', hang, { hardLimitMs: 1_000 });
    await settle();
    clock.jump(3_600_000);
    await clock.run(999);
    expect((await run.snapshot())?.status).toBe('running');
    clock.jump(-7_200_000);
    await clock.run(1);
    expect((await run.snapshot())?.status).toBe('failed');
  });

  it('leave no timer behind when the handler settles first', async () => {
    const { manager, clock } = newManager();
    await (await manager.start('a', () => 1, { softLimitMs: 100, hardLimitMs: 200 })).settled();
    expect(clock.pendingRefed).toBe(0);
  });
});
