import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../../src/task/task.js';
import { aborted, closeNow, hang, newManager } from '../workbench.js';

describe('a manager that closes', () => {
  it.each<[string, { delayMs?: number }, (signal: AbortSignal) => unknown]>([
    ['at work', {}, (signal) => aborted(signal)],
    ['at work and do not stop', {}, () => hang()],
    ['waiting', { delayMs: 60_000 }, () => 1],
  ])('ends in its time with parents whose children are %s', async (_, options, work) => {
    const { manager, clock } = newManager({ concurrency: 2 });
    const child = defineTask({ name: 'child', handler: (__: unknown, ctx) => work(ctx.signal) });
    const parent = await manager.start('parent', async (ctx) => (await ctx.start(child, null, options)).result());
    const joining = await manager.start('joining', async (ctx) => {
      await ctx.start(child, null, options);
    });
    await clock.run(0);
    const began = clock.monotonic();
    let took = Infinity;
    const closing = manager.close({ graceMs: 500 }).then((report) => {
      took = clock.monotonic() - began;
      return report;
    });
    await clock.run(1_500);
    await closing;
    expect(took).toBeLessThanOrEqual(1_500);
    expect(await parent.settled()).toMatchObject({ status: 'failed', error: { code: 'RUN_INTERRUPTED' } });
    expect((await joining.settled()).status).toBe('failed');
  });

  it('interrupts a parent whose child cannot be started any more: it has not failed', async () => {
    const { manager, clock } = newManager();
    const child = defineTask({ name: 'child', handler: () => 1 });
    const parent = await manager.start('parent', async (ctx) => {
      await new Promise((resolve) => clock.after(100, () => resolve(1)));
      return (await ctx.start(child, null)).result();
    });
    await clock.run(0);
    await closeNow(manager, clock, 500);
    expect(await parent.settled()).toMatchObject({ status: 'failed', error: { code: 'RUN_INTERRUPTED' } });
  });
});
