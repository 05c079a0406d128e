import { describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';
import { defineTask } from '../../../src/task/task.js';
import type { TaskContext } from '../../../src/task/task-context.js';

import { aborted, codeOf, newManager } from '../workbench.js';

const double = defineTask({ name: 'double', input: z.number(), handler: (n) => n * 2 });

describe('a child run', () => {
  it('gives its parent its result, and says whose it is', async () => {
    const { manager } = newManager();
    const parent = defineTask({
      name: 'parent',
      handler: async (n: number, ctx) => {
        const child = await ctx.start(double, n, { tags: ['small'], priority: 7 });
        return { id: child.id, doubled: await child.result(), seen: await child.settled() };
      },
    });
    const run = await manager.start(parent, 4, { owner: 'ann' });
    const { id, doubled, seen } = await run.result();
    expect(doubled).toBe(8);
    const kept = await manager.get(id);
    expect(kept).toMatchObject({ parentId: run.id, owner: 'ann', tags: ['small'], priority: 7, status: 'completed' });
    expect(seen).toEqual(kept);
  });

  it('is of a task that need not have been known, and can be started by name from then on', async () => {
    const { manager } = newManager();
    expect(manager.hasTask('double')).toBe(false);
    const run = await manager.start('a', async (ctx) => (await ctx.start(double, 1)).result());
    expect(await run.result()).toBe(2);
    expect(manager.hasTask('double')).toBe(true);
  });

  it('goes before runs that wait to begin, unless it says otherwise', async () => {
    const { manager } = newManager();
    const priorities: unknown[] = [];
    const urgent = defineTask({ name: 'urgent', priority: 500, handler: () => 1 });
    const parent = defineTask({
      name: 'parent',
      handler: async (_: unknown, ctx) => {
        for (const child of [
          await ctx.start(double, 1),
          await ctx.start(urgent, 1),
          await ctx.start(double, 1, { priority: -3 }),
        ])
          priorities.push((await child.settled()).priority);
      },
    });
    for (const priority of [0, 41, 1_000]) await (await manager.start(parent, null, { priority })).settled();
    expect(priorities).toEqual([1, 500, -3, 42, 500, -3, 1_000, 1_000, -3]);
  });

  it('may be delayed, may expire, and is refused like any start', async () => {
    const { manager, clock } = newManager();
    const codes: unknown[] = [];
    const run = await manager.start('a', async (ctx) => {
      codes.push(await codeOf(ctx.start(double, 'x' as never)));
      codes.push(await codeOf(ctx.start(double, 1, { owner: 'bob' } as never)));
      codes.push(await codeOf(ctx.start(double, 1, { key: 'ä' })));
      codes.push(await codeOf(ctx.start({ name: 'no task' }, 1)));
      return (await ctx.start(double, 3, { delayMs: 500 })).result();
    });
    await clock.run(499);
    expect((await run.snapshot())?.status).toBe('running');
    await clock.run(1);
    expect(await run.result()).toBe(6);
    expect(codes).toEqual(['INPUT_INVALID', 'TypeError', 'RangeError', 'TypeError']);
  });

  it.each([1, 16])('may be %p deep, and no deeper', async (maxDepth) => {
    const { manager } = newManager({ concurrency: 1, ...(maxDepth !== 16 && { maxDepth }) });
    const dig = defineTask({
      name: 'dig',
      retry: { maxAttempts: 5, initialDelayMs: 0 },
      handler: async (depth: number, ctx): Promise<unknown> => {
        if (depth > 20) throw new Error('too deep');
        const child = await codeOfStart(ctx, depth + 1);
        return typeof child === 'string' ? { depth, child } : child.result();
      },
    });
    const codeOfStart = (ctx: TaskContext, depth: number) =>
      ctx.start(dig, depth).catch((error: unknown) => (error as { code: string }).code);
    const run = await manager.start(dig, 0);
    expect(await run.result()).toEqual({ depth: maxDepth, child: 'NON_RETRYABLE' });
  });

  it('that is too deep fails its parent at once, with a message that says so', async () => {
    const { manager } = newManager({ maxDepth: 0 });
    const retry = { maxAttempts: 5, initialDelayMs: 0 };
    const run = await manager.start('a', (ctx) => ctx.start(double, 1).then(() => 1), { retry });
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'NON_RETRYABLE', message: expect.stringContaining('maxDepth') },
    });
  });

  it('is waited for by a parent that returns without doing so, which holds no slot meanwhile', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const order: string[] = [];
    const slow = defineTask({ name: 'slow', handler: () => void order.push('child') });
    const run = await manager.start('parent', async (ctx) => {
      await ctx.start(slow, null);
      void ctx.start(slow, null, { delayMs: 100 });
      order.push('parent');
      return 'value';
    });
    await clock.run(99);
    expect(await run.snapshot()).toMatchObject({ status: 'running' });
    expect(order).toEqual(['parent', 'child']);
    expect((await manager.counts()).atWork).toBe(0);
    await clock.run(1);
    expect(await run.settled()).toMatchObject({ status: 'completed', result: 'value' });
    expect(order).toEqual(['parent', 'child', 'child']);
  });

  it('cannot be started by a handler whose attempt is over', async () => {
    const { manager, clock } = newManager();
    let late: TaskContext | undefined;
    const leaked = (ctx: TaskContext) => void (late = ctx);
    await (await manager.start('returned', leaked)).settled();
    expect(await codeOf(late?.start(double, 1) ?? Promise.resolve())).toBe('RUN_CONFLICT');
    expect(await codeOf(late?.step('a', () => 1) ?? Promise.resolve())).toBe('RUN_CONFLICT');
    const forced = await manager.start('forced', (ctx) => (leaked(ctx), new Promise(() => undefined)), {
      hardLimitMs: 10,
    });
    await clock.run(10);
    expect((await forced.settled()).abandoned).toBe(true);
    expect(await codeOf(late?.start(double, 1) ?? Promise.resolve())).toBe('TIME_LIMIT');
    expect(await codeOf(late?.step('a', () => 1) ?? Promise.resolve())).toBe('TIME_LIMIT');
  });

  it('cannot be started in a run that was cancelled, nor by one that has returned', async () => {
    const { manager, clock } = newManager();
    const codes: unknown[] = [];
    const cancelled = await manager.start('a', async (ctx) => {
      await aborted(ctx.signal).catch(async () => codes.push(await codeOf(ctx.start(double, 1))));
    });
    await clock.run(0);
    await cancelled.cancel();
    await cancelled.settled();
    const stray = await manager.start('b', async (ctx) => {
      await ctx.start(double, 1, { delayMs: 100 });
      setImmediate(() => void codeOf(ctx.start(double, 1)).then((code) => codes.push(code)));
    });
    await clock.run(100);
    await stray.settled();
    expect(codes).toEqual(['RUN_CANCELLED', 'RUN_CONFLICT']);
  });

  it('has no rejection that takes the process down, whoever forgets it', async () => {
    const { manager } = newManager();
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const bad = defineTask({ name: 'bad', handler: () => Promise.reject(new Error('bad')) });
      const run = await manager.start('a', async (ctx) => {
        const child = await ctx.start(bad, null);
        void child.result();
        void child.settled();
      });
      await run.settled();
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });
});

describe('a hard limit of one run', () => {
  it('ends its attempts where it is shorter than that of the task, and is not where it is longer', async () => {
    const { manager, clock } = newManager();
    const deadlines: unknown[] = [];
    const limited = defineTask({
      name: 'limited',
      limits: { softLimitMs: 80, hardLimitMs: 100 },
      handler: (_: unknown, ctx) => {
        deadlines.push(Number(ctx.deadlineAt) - clock.now());
        return new Promise(() => undefined);
      },
    });
    const short = await manager.start(limited, null, { hardLimitMs: 50 });
    const long = await manager.start(limited, null, { hardLimitMs: 5_000 });
    await clock.run(50);
    expect(await short.settled()).toMatchObject({ status: 'failed', error: { code: 'TIME_LIMIT' } });
    await clock.run(50);
    expect(await long.settled()).toMatchObject({ status: 'failed', error: { code: 'TIME_LIMIT' } });
    expect(deadlines).toEqual([50, 80]);
  });

  it('is checked, and is part of what an idempotency key stands for', async () => {
    const { manager } = newManager();
    expect(await codeOf(manager.start(double, 1, { hardLimitMs: 0 }))).toBe('RangeError');
    const start = (hardLimitMs: number) => manager.start(double, 1, { idempotencyKey: 'k', hardLimitMs });
    const { id } = await start(10);
    expect((await start(10)).id).toBe(id);
    expect(await codeOf(start(20))).toBe('KEY_REUSED');
  });
});
