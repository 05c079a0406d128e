import { describe, expect, it, jest } from '@jest/globals';
import { settle } from '../fake-clock.js';
import { Gate, newManager } from './workbench.js';

describe('delayMs', () => {
  it('begins the run that much later, as scheduled until then', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', () => 1, { delayMs: 1_000 });
    expect(await run.snapshot()).toMatchObject({ status: 'scheduled', dueAt: clock.now() + 1_000, startedAt: null });
    await clock.run(999);
    expect((await run.snapshot())?.status).toBe('scheduled');
    await clock.run(1);
    expect(await run.snapshot()).toMatchObject({ status: 'completed', startedAt: clock.now() });
  });

  it('of 0 begins it as soon as there is a slot', async () => {
    const { manager, clock } = newManager();
    await manager.start('a', () => 1, { delayMs: 0 });
    await settle();
    expect(await manager.get('a')).toMatchObject({ status: 'completed', dueAt: null, startedAt: clock.now() });
  });

  it.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 33, 315_576_000_000])(
    'of %p ms is waited for to the end',
    async (delayMs) => {
      const { manager, clock } = newManager();
      const handler = jest.fn();
      await manager.start('a', handler, { delayMs });
      await clock.run(delayMs - 1);
      expect(handler).not.toHaveBeenCalled();
      await clock.run(1);
      expect(handler).toHaveBeenCalledTimes(1);
    },
  );

  it('is measured, not read off: jumps of the time of day change nothing', async () => {
    const { manager, clock } = newManager();
    const handler = jest.fn();
    await manager.start('a', handler, { delayMs: 1_000 });
    clock.jump(5_000_000);
    await clock.run(999);
    expect(handler).not.toHaveBeenCalled();
    clock.jump(-50_000_000);
    await clock.run(1);
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it('lets many runs wait in the order of their times', async () => {
    const { manager, clock } = newManager();
    const order: number[] = [];
    const delays = Array.from({ length: 200 }, (_, n) => ((n * 7_919) % 1_000) + 1);
    for (const [n, delayMs] of delays.entries())
      await manager.start(`run-${n}`, () => void order.push(delayMs), { delayMs });
    for (let n = 0; n < 150; n += 1) if (n % 3 === 0) await manager.cancel(`run-${n}`);
    await clock.run(1_000);
    const left = delays.filter((_, n) => n >= 150 || n % 3 !== 0);
    expect(order).toEqual([...left].sort((a, b) => a - b));
  });
});

describe('expiresInMs', () => {
  it('fails a run that has not begun in time, and its handler is never called', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const gate = new Gate();
    const handler = jest.fn();
    await manager.start('busy', () => gate.promise);
    await clock.run(0);
    const run = await manager.start('a', handler, { expiresInMs: 1_000, retry: { maxAttempts: 5 } });
    await clock.run(999);
    expect((await run.snapshot())?.status).toBe('queued');
    await clock.run(1);
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      attempt: 0,
      error: { code: 'QUEUE_EXPIRED', exposed: true },
    });
    await expect(run.result()).rejects.toMatchObject({ code: 'QUEUE_EXPIRED' });
    gate.open(undefined);
    await clock.run(0);
    expect(handler).not.toHaveBeenCalled();
  });

  it('leaves alone what is at work', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const run = await manager.start('a', () => gate.promise, { expiresInMs: 100 });
    await clock.run(10_000);
    gate.open('done');
    expect(await run.result()).toBe('done');
  });

  it('fails a run that waits for another attempt, also where its time ran out during the last one', async () => {
    const { manager, clock } = newManager();
    const retry = { maxAttempts: 9, initialDelayMs: 1_000, jitter: 'none' as const };
    const waits = await manager.start('waits', () => Promise.reject(new Error('no')), { expiresInMs: 500, retry });
    const gate = new Gate();
    const works = await manager.start('works', () => gate.promise, { expiresInMs: 500, retry });
    await clock.run(500);
    expect(await waits.settled()).toMatchObject({ status: 'failed', error: { code: 'QUEUE_EXPIRED' }, attempt: 1 });
    gate.fail(new Error('no'));
    await clock.run(0);
    expect(await works.settled()).toMatchObject({ status: 'failed', error: { code: 'QUEUE_EXPIRED' } });
    expect((await works.settled()).failures.map(({ code }) => code)).toEqual(['HANDLER_FAILED', 'QUEUE_EXPIRED']);
  });

  it('leaves no timer behind for a run that has ended', async () => {
    const { manager, clock } = newManager();
    await (await manager.start('a', () => 1, { expiresInMs: 1_000 })).settled();
    expect(clock.pendingRefed).toBe(0);
  });
});
