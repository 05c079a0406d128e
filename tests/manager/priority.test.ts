import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { Gate, newManager } from './workbench.js';

/** A manager whose only slot is taken until `open`, and the order in which runs begin. */
async function busyManager() {
  const { manager, clock } = newManager({ concurrency: 1 });
  const gate = new Gate();
  const order: string[] = [];
  await manager.start('busy', () => gate.promise);
  await clock.run(0);
  const begins = (name: string) => () => void order.push(name);
  return { manager, clock, order, begins, open: () => gate.open(undefined) };
}

describe('priority', () => {
  it('puts higher ones first, and within one the first started', async () => {
    const { manager, clock, order, begins, open } = await busyManager();
    for (const [name, priority] of Object.entries({ low: -1_000, a: 0, top: 1_000, b: 0, high: 5 })) {
      await manager.start(name, begins(name), { priority });
    }
    open();
    await clock.run(0);
    expect(order).toEqual(['top', 'high', 'a', 'b', 'low']);
  });

  it("is the task's unless the start says another", async () => {
    const { manager, clock, order, begins, open } = await busyManager();
    const task = defineTask({ name: 't', priority: 10, handler: (name: string) => begins(name)() });
    await manager.start('plain', begins('plain'));
    await manager.start(task, 'by task');
    await manager.start(task, 'by start', { priority: -1 });
    open();
    await clock.run(0);
    expect(order).toEqual(['by task', 'plain', 'by start']);
  });

  it('orders over tasks and queues alike', async () => {
    const { manager, clock, order, begins, open } = await busyManager();
    const tasks = ['x', 'y', 'z'].map((queue) =>
      defineTask({ name: queue, queue, handler: (name: string) => begins(name)() }),
    );
    for (let n = 0; n < 6; n += 1) {
      const task = tasks[n % 3];
      if (task) await manager.start(task, `${n}`, { priority: n % 2 });
      clock.advance(1);
    }
    open();
    await clock.run(0);
    expect(order).toEqual(['1', '3', '5', '0', '2', '4']);
  });

  it('never stops a run that is at work', async () => {
    const { manager, order, begins, open } = await busyManager();
    await manager.start('top', begins('top'), { priority: 1_000 });
    expect([order, (await manager.get('busy'))?.status]).toEqual([[], 'running']);
    open();
  });
});
