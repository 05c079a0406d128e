import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { newManager } from './workbench.js';

describe('a rate', () => {
  it('spaces starts: never more than count within any perMs', async () => {
    const { manager, clock } = newManager();
    const times: number[] = [];
    const limits = { rate: { count: 3, perMs: 100 } };
    const task = defineTask({ name: 't', limits, handler: () => void times.push(clock.monotonic()) });
    for (let n = 0; n < 2; n += 1) await manager.start(task);
    await clock.run(60);
    for (let n = 0; n < 12; n += 1) await manager.start(task);
    await clock.run(1_000);
    expect(times).toHaveLength(14);
    for (const [n, time] of times.entries()) {
      const third = times[n + 3];
      if (third !== undefined) expect(third - time).toBeGreaterThanOrEqual(100);
    }
    expect(times.slice(0, 6)).toEqual([0, 0, 60, 100, 100, 160]);
  });

  it('holds up no other task', async () => {
    const { manager, clock } = newManager();
    const task = defineTask({ name: 't', limits: { rate: { count: 1, perMs: 60_000 } }, handler: () => 1 });
    await manager.start(task);
    const second = await manager.start(task);
    const other = await manager.start('other', () => 1);
    await clock.run(0);
    expect([(await second.snapshot())?.status, (await other.snapshot())?.status]).toEqual(['queued', 'completed']);
  });

  it('is not changed by a jump of the time of day', async () => {
    const { manager, clock } = newManager();
    const task = defineTask({ name: 't', limits: { rate: { count: 1, perMs: 1_000 } }, handler: () => 1 });
    await manager.start(task);
    const second = await manager.start(task);
    await clock.run(0);
    clock.jump(3_600_000);
    await clock.run(999);
    expect((await second.snapshot())?.status).toBe('queued');
    clock.jump(-3_600_000);
    await clock.run(1);
    expect((await second.snapshot())?.status).toBe('completed');
  });

  it('counts every attempt', async () => {
    const { manager, clock } = newManager();
    const times: number[] = [];
    const task = defineTask({
      name: 't',
      limits: { rate: { count: 1, perMs: 1_000 } },
      retry: { maxAttempts: 3, initialDelayMs: 0 },
      handler: () => {
        times.push(clock.monotonic());
        throw new Error('again');
      },
    });
    await manager.start(task);
    await clock.run(5_000);
    expect(times).toEqual([0, 1_000, 2_000]);
  });

  it('keeps no process up for a run that was cancelled meanwhile', async () => {
    const { manager, clock } = newManager();
    const task = defineTask({ name: 't', limits: { rate: { count: 1, perMs: 60_000 } }, handler: () => 1 });
    await (await manager.start(task)).settled();
    const second = await manager.start(task);
    await clock.run(0);
    await second.cancel();
    expect(clock.pendingRefed).toBe(0);
  });
});
