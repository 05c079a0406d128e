import { describe, expect, it, jest } from '@jest/globals';
import { NonRetryableError } from '../../../src/task/errors.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { codeOf, Gate, newManager } from '../workbench.js';

const retry = { maxAttempts: 4, initialDelayMs: 0 } as const;

describe('a step', () => {
  it('is done once, whatever becomes of the attempts after it, and gives the same each time', async () => {
    const { manager, clock } = newManager();
    const fn = jest.fn(() => ({
      at: new Date(7),
      left: undefined,
      map: new (class Money {
        amount = 3;
      })(),
    }));
    const seen: unknown[] = [];
    const run = await manager.start(
      'a',
      async (ctx) => {
        seen.push(await ctx.step('one', fn));
        if (ctx.attempt < 3) throw new Error('again');
        return ctx.step('none', () => undefined);
      },
      { retry },
    );
    await clock.run(10);
    expect(await run.settled()).toMatchObject({ status: 'completed', result: undefined, attempt: 3 });
    expect(fn).toHaveBeenCalledTimes(1);
    const same = { at: new Date(7), map: { amount: 3 } };
    expect(seen).toStrictEqual([same, same, same]);
  });

  it('that throws is not kept, and tells what it threw unchanged', async () => {
    const { manager } = newManager();
    const error = new NonRetryableError('of the step');
    const fn = jest
      .fn<() => number>()
      .mockRejectedValueOnce(error as never)
      .mockReturnValueOnce(2);
    const run = await manager.start('a', async (ctx) => {
      const thrown: unknown = await ctx.step('one', fn).catch((caught: unknown) => caught);
      return [thrown === error, await ctx.step('one', fn)];
    });
    expect(await run.result()).toEqual([true, 2]);
  });

  it('is one call for those who ask at once', async () => {
    const { manager } = newManager();
    const gate = new Gate<number>();
    const fn = jest.fn(() => gate.promise);
    const run = await manager.start('a', async (ctx) => {
      const both = Promise.all([ctx.step('one', fn), ctx.step('one', fn)]);
      gate.open(5);
      return both;
    });
    expect(await run.result()).toEqual([5, 5]);
    expect(fn).toHaveBeenCalledTimes(1);
  });

  it.each<[string, () => unknown]>([
    ['a map', () => new Map()],
    [
      'a cycle',
      () => {
        const cycle: { self?: unknown } = {};
        return (cycle.self = cycle);
      },
    ],
    ['more than 1 MiB', () => 'x'.repeat(1_048_577)],
  ])('that comes to %s fails the run at once, with a message that names it', async (_, fn) => {
    const { manager } = newManager();
    const run = await manager.start('a', (ctx) => ctx.step('big', fn), { retry });
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'RESULT_INVALID', message: expect.stringContaining('"big"') },
    });
  });

  it('has a key of visible ASCII, and a function', async () => {
    const { manager } = newManager();
    const run = await manager.start('a', async (ctx: TaskContext) => [
      await codeOf(ctx.step('', () => 1)),
      await codeOf(ctx.step('a b', () => 1)),
      await codeOf(ctx.step('x'.repeat(256), () => 1)),
      await codeOf(ctx.step('x', 5 as never)),
    ]);
    expect(await run.result()).toEqual(['RangeError', 'RangeError', 'RangeError', 'TypeError']);
  });

  it('and a keyed child may have the same key', async () => {
    const { manager } = newManager();
    const { defineTask } = await import('../../../src/task/task.js');
    const child = defineTask({ name: 'child', handler: () => 'child' });
    const run = await manager.start('a', async (ctx) => [
      await ctx.step('k', () => 'step'),
      await (await ctx.start(child, null, { key: 'k' })).result(),
    ]);
    expect(await run.result()).toEqual(['step', 'child']);
  });

  it('is kept by a run that is cancelled while it is done, and goes with its end', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const run = await manager.start('a', (ctx) => ctx.step('one', () => gate.promise));
    await clock.run(0);
    await run.cancel();
    gate.open('done');
    expect(await run.settled()).toMatchObject({ status: 'cancelled', result: 'done' });
  });
});
