import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { codeOf, Crowd, Gate, newManager } from './workbench.js';

describe('concurrency', () => {
  it('of the manager bounds all its handlers together', async () => {
    const { manager, clock } = newManager({ concurrency: 4 });
    const crowd = new Crowd();
    const tasks = ['t', 'u'].map((name) => defineTask({ name, handler: crowd.handler }));
    for (let n = 0; n < 20; n += 1) for (const task of tasks) await manager.start(task);
    for (let n = 0; n < 20; n += 1) await manager.start(`ad-hoc-${n}`, crowd.handler);
    await clock.run(0);
    expect([crowd.atWork, (await manager.counts()).atWork]).toEqual([4, 4]);
    await crowd.leave(clock);
    expect([crowd.most, (await manager.counts()).total.completed]).toEqual([4, 60]);
  });

  it('is 64 unless told otherwise, and may be without limit', async () => {
    for (const [options, most] of [
      [{}, 64],
      [{ concurrency: Infinity }, 100],
    ] as const) {
      const { manager, clock } = newManager(options);
      const crowd = new Crowd();
      for (let n = 0; n < 100; n += 1) await manager.start(`run-${n}`, crowd.handler);
      await clock.run(0);
      expect(crowd.atWork).toBe(most);
      await crowd.leave(clock);
    }
  });

  it('of a task bounds that task and holds up no other', async () => {
    const { manager, clock } = newManager({ concurrency: 10 });
    const [narrow, wide] = [new Crowd(), new Crowd()];
    const task = defineTask({ name: 'narrow', limits: { concurrency: 2 }, handler: narrow.handler });
    const other = defineTask({ name: 'wide', handler: wide.handler });
    for (let n = 0; n < 10; n += 1) await manager.start(task);
    for (let n = 0; n < 5; n += 1) await manager.start(other);
    await clock.run(0);
    expect([narrow.atWork, wide.atWork]).toEqual([2, 5]);
    await narrow.leave(clock);
    await wide.leave(clock);
    expect(narrow.most).toBe(2);
  });

  it('counts ad-hoc functions for the manager alone', async () => {
    const { manager, clock } = newManager({ concurrency: 3 });
    const crowd = new Crowd();
    for (let n = 0; n < 5; n += 1) await manager.start(`run-${n}`, crowd.handler);
    await clock.run(0);
    expect(crowd.atWork).toBe(3);
    await crowd.leave(clock);
  });

  it('gives a slot back whatever the handler does', async () => {
    const { manager } = newManager({ concurrency: 1 });
    const ends = [
      () => 1,
      () => {
        throw new Error('no');
      },
      async () => 1,
      () => Promise.reject(new Error('no')),
    ];
    for (const [n, end] of ends.entries()) await (await manager.start(`run-${n}`, end)).settled();
    expect((await manager.counts()).atWork).toBe(0);
  });

  it.each([0, -1, 1.5, NaN, '4', null])('may not be %p', (concurrency) => {
    expect(() => newManager({ concurrency: concurrency as number })).toThrow(/concurrency must be/);
  });

  it('lets a parent of another slot wait for its child', async () => {
    const { manager } = newManager({ concurrency: 2 });
    const gate = new Gate();
    const parent = await manager.start('parent', async () => {
      const child = await manager.start('child', () => gate.promise);
      gate.open('from the child');
      return child.result();
    });
    expect(await codeOf(parent.result())).toEqual({ resolved: 'from the child' });
  });
});
