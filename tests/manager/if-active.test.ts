import { describe, expect, it, jest } from '@jest/globals';
import type { TaskContext } from '../../src/task/task-context.js';
import { settle } from '../fake-clock.js';
import { aborted, codeOf, Gate, hang, newManager } from './workbench.js';

describe('ifActive', () => {
  describe("'return'", () => {
    it('gives the run that is active, and the second function never runs', async () => {
      const { manager } = newManager();
      const gate = new Gate();
      await manager.start('a', () => gate.promise);
      const second = jest.fn();
      const run = await manager.start('a', second, { ifActive: 'return' });
      expect(run.replayed).toBe(true);
      gate.open('first');
      expect(await run.result()).toBe('first');
      expect(second).not.toHaveBeenCalled();
    });

    it('gives a run that has ended too, as long as its handler is at work', async () => {
      const { manager, clock } = newManager({ graceMs: 10 });
      const gate = new Gate();
      await manager.start('a', () => gate.promise);
      await settle();
      await manager.cancel('a');
      await clock.run(10);
      const second = jest.fn();
      const run = await manager.start('a', second, { ifActive: 'return' });
      expect([run.replayed, (await run.settled()).status]).toEqual([true, 'cancelled']);
      gate.open(undefined);
      await settle();
      expect(second).not.toHaveBeenCalled();
      expect((await manager.start('a', second, { ifActive: 'return' })).replayed).toBe(false);
    });

    it('starts where nothing is active', async () => {
      const { manager } = newManager();
      await (await manager.start('a', () => 'old')).settled();
      const run = await manager.start('a', () => 'new', { ifActive: 'return' });
      expect([run.replayed, await run.result()]).toEqual([false, 'new']);
    });
  });

  describe("'replace'", () => {
    it('cancels a waiting run and takes its place at once', async () => {
      const { manager } = newManager();
      const first = jest.fn();
      const old = await manager.start('a', first, { delayMs: 1_000 });
      const run = await manager.start('a', () => 'new', { ifActive: 'replace' });
      expect(await old.settled()).toMatchObject({ status: 'cancelled', cancelReason: 'replaced' });
      expect(await run.result()).toBe('new');
      expect(first).not.toHaveBeenCalled();
    });

    it('waits until a running handler has settled', async () => {
      const { manager } = newManager();
      const log: string[] = [];
      await manager.start('a', async (ctx) => {
        await aborted(ctx.signal).catch(() => undefined);
        await settle();
        log.push('old has left');
      });
      await settle();
      const run = await manager.start('a', () => void log.push('new begins'), { ifActive: 'replace' });
      await run.settled();
      expect(log).toEqual(['old has left', 'new begins']);
    });

    it('cancels nothing where the queue is full, unless the old run is what fills it', async () => {
      const { manager, clock } = newManager({ concurrency: 1, queueLimit: 1 });
      await manager.start('a', (ctx) => aborted(ctx.signal));
      await clock.run(0);
      await manager.start('b', () => 'old');
      expect(await codeOf(manager.start('a', () => 'new', { ifActive: 'replace' }))).toBe('QUEUE_FULL');
      expect((await manager.get('a'))?.status).toBe('running');
      const run = await manager.start('b', () => 'new', { ifActive: 'replace' });
      await manager.cancel('a');
      expect(await run.result()).toBe('new');
    });

    it('gives up after graceMs where the old handler does not stop', async () => {
      const { manager, clock } = newManager({ graceMs: 1_000 });
      const gate = new Gate();
      await manager.start('a', () => gate.promise);
      await settle();
      const second = jest.fn();
      const started = manager.start('a', second, { ifActive: 'replace' });
      started.catch(() => undefined);
      await clock.run(999);
      expect((await manager.get('a'))?.status).toBe('cancelling');
      await clock.run(1);
      await expect(started).rejects.toMatchObject({ code: 'RUN_CONFLICT', details: { abandoned: true } });
      gate.open(undefined);
      await clock.run(10_000);
      expect(second).not.toHaveBeenCalled();
      expect(clock.pendingRefed).toBe(0);
    });

    it('waits for the handler of a run that has ended, and counts no cancel that came late', async () => {
      const { manager, clock } = newManager({ graceMs: 100 });
      const gate = new Gate();
      const old = await manager.start('a', () => gate.promise);
      await settle();
      await old.cancel();
      await clock.run(100);
      const started = manager.start('a', () => 'new', { ifActive: 'replace' });
      await settle();
      expect((await manager.counts()).dropped).toBe(0);
      gate.open('late');
      expect(await (await started).result()).toBe('new');
      // The late result.
      expect((await manager.counts()).dropped).toBe(1);
    });

    it('raced by others leaves one run: each replaces the one before, the last stays', async () => {
      const { manager, clock } = newManager();
      const began: number[] = [];
      let atWork = 0;
      let most = 0;
      const handler = (n: number) => async (ctx: TaskContext) => {
        began.push(n);
        most = Math.max(most, (atWork += 1));
        await aborted(ctx.signal).catch(() => undefined);
        atWork -= 1;
      };
      await manager.start('a', handler(0));
      await clock.run(0);
      const replacing = [1, 2, 3].map((n) => manager.start('a', handler(n), { ifActive: 'replace' }));
      const runs = await Promise.all(replacing);
      await clock.run(0);
      expect(most).toBe(1);
      const ends = await Promise.all(runs.map(async (run) => (await run.snapshot())?.status));
      expect(ends).toEqual(['cancelled', 'cancelled', 'running']);
      expect([atWork, began.at(-1)]).toEqual([1, 3]);
    });

    it('that is asked for in the moment in which the id becomes free still waits for those before it', async () => {
      const { manager, clock } = newManager();
      const gate = new Gate();
      const old = await manager.start('a', () => gate.promise);
      await settle();
      const handler = (ctx: TaskContext) => aborted(ctx.signal);
      const before = manager.start('a', handler, { ifActive: 'replace' });
      await settle();
      gate.open(undefined);
      await old.settled();
      const last = manager.start('a', handler, { ifActive: 'replace' });
      const runs = await Promise.all([before, last]);
      await clock.run(0);
      const ends = await Promise.all(runs.map(async (run) => (await run.snapshot())?.status));
      expect(ends).toEqual(['cancelled', 'running']);
    });

    it('ends in the turn of the close, and leaves no timer of its own', async () => {
      const { manager, clock } = newManager();
      await manager.start('a', hang);
      await settle();
      const started = codeOf(manager.start('a', hang, { ifActive: 'replace' }));
      await settle();
      const pending = clock.pendingRefed;
      const closing = manager.close({ graceMs: 60_000 });
      expect(await started).toBe('MANAGER_CLOSED');
      await settle();
      // The close waits for the old run; the replacing waits for nothing any more.
      expect(clock.pendingRefed).toBe(pending);
      await clock.run(61_000);
      await closing;
    });

    it('is refused by a manager that closes meanwhile', async () => {
      const { manager, clock } = newManager();
      await manager.start('a', hang);
      await settle();
      const second = jest.fn();
      const started = codeOf(manager.start('a', second, { ifActive: 'replace' }));
      const closing = manager.close({ graceMs: 0 });
      await clock.run(20_000);
      await closing;
      expect(await started).toBe('MANAGER_CLOSED');
      expect(second).not.toHaveBeenCalled();
    });
  });
});
