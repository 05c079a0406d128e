import { describe, expect, it, jest } from '@jest/globals';
import { managerCore } from '../../src/manager/task-manager.js';
import { defineTask, resolveTask, type TaskDefinition } from '../../src/task/task.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { settle } from '../fake-clock.js';
import { aborted, codeOf, Crowd, Gate, hang, newManager } from './workbench.js';

/** Calls items of a task as an import does, all under one signal. */
function importOf(definition: Omit<TaskDefinition<unknown, unknown, unknown>, 'name'>, options = {}) {
  const { manager, clock } = newManager(options);
  const task = resolveTask(defineTask({ name: 'item', ...definition }));
  const controller = new AbortController();
  const { signal } = controller;
  const lines: string[] = [];
  const log = { info: (line: string) => void lines.push(line) };
  const ctx = { runId: 'import', idempotencyKey: 'key', signal, log } as unknown as TaskContext;
  const call = async (index: number) => {
    const { value } = await managerCore(manager).callItem({ task, input: index, ctx, index, attempt: 1, signal });
    return value;
  };
  return { manager, clock, controller, signal, call, lines };
}

describe('an item', () => {
  it('takes a slot of the manager and of its task, as a run does', async () => {
    const crowd = new Crowd();
    const { clock, call } = importOf({ limits: { concurrency: 3 }, handler: crowd.handler }, { concurrency: 5 });
    const items = Array.from({ length: 20 }, (_, n) => call(n));
    await clock.run(0);
    expect(crowd.atWork).toBe(3);
    await crowd.leave(clock);
    await Promise.all(items);
    expect(crowd.most).toBe(3);
  });

  it('shares the slots with runs, and neither starves the other', async () => {
    const crowd = new Crowd();
    const { manager, clock, call } = importOf({ handler: crowd.handler }, { concurrency: 2 });
    const items = Array.from({ length: 10 }, (_, n) => call(n));
    const order: string[] = [];
    for (const item of items) void item.then(() => order.push('item'));
    for (let n = 0; n < 10; n += 1) {
      const run = await manager.start(`run-${n}`, crowd.handler);
      void run.settled().then(() => order.push('run'));
    }
    await crowd.leave(clock);
    expect([crowd.most, order.length]).toEqual([2, 20]);
    expect(order.slice(0, 12)).toContain('run');
    expect(order.slice(-12)).toContain('item');
  });

  it('gets its turn where a slot of another task is freed in between each time', async () => {
    const a = new Crowd();
    const b = new Crowd();
    const limits = { concurrency: 1 };
    const other = defineTask({ name: 'b', limits, handler: b.handler });
    const { manager, clock } = newManager();
    const task = defineTask({ name: 'a', limits, handler: a.handler });
    manager.register(task);
    const registered = managerCore(manager).registry.get('a');
    for (let n = 0; n < 40; n += 1) {
      await manager.start(task);
      await manager.start(other);
    }
    await clock.run(0);
    let items = 0;
    const { signal } = new AbortController();
    const ctx = { runId: 'import', idempotencyKey: 'key', signal } as TaskContext;
    for (let index = 0; index < 40; index += 1) {
      void managerCore(manager)
        .callItem({ task: registered, input: index, ctx, index, attempt: 1, signal })
        .then(() => (items += 1));
    }
    for (let n = 0; n < 20; n += 1) {
      b.gates.shift()?.open(undefined);
      await clock.run(0);
      a.gates.shift()?.open(undefined);
      await clock.run(0);
    }
    expect(items).toBe(10);
  });

  it('takes turns with the runs of a task that has a rate', async () => {
    const { manager, clock } = newManager();
    const order: string[] = [];
    const handler = (_input: unknown, ctx: TaskContext) => void order.push(ctx.itemIndex === null ? 'run' : 'item');
    const task = defineTask({ name: 'a', limits: { rate: { count: 1, perMs: 100 } }, handler });
    manager.register(task);
    const { signal } = new AbortController();
    const ctx = { runId: 'import', idempotencyKey: 'key', signal } as TaskContext;
    const core = managerCore(manager);
    for (let index = 0; index < 20; index += 1) {
      await manager.start(task);
      void core.callItem({ task: core.registry.get('a'), input: index, ctx, index, attempt: 1, signal });
    }
    await clock.run(1_950);
    expect(order).toHaveLength(20);
    expect(order.filter((each) => each === 'run')).toHaveLength(10);
  });

  it('is cancelled with its import: a waiting one never begins, a running one sees its signal', async () => {
    const seen: unknown[] = [];
    const handler = jest.fn((_input: unknown, ctx: TaskContext) => {
      seen.push(ctx.itemIndex);
      return aborted(ctx.signal);
    });
    const { manager, clock, controller, call } = importOf({ handler }, { concurrency: 1 });
    const items = [0, 1, 2].map((n) => codeOf(call(n)));
    await clock.run(0);
    controller.abort(new Error('stop'));
    expect(await Promise.all(items)).toEqual(['RUN_CANCELLED', 'Error', 'Error']);
    expect(seen).toEqual([0]);
    expect((await manager.counts()).atWork).toBe(0);
  });

  it('that got its slot in the turn of the cancel never begins, and gives the slot back', async () => {
    const gate = new Gate();
    const handler = jest.fn((index: unknown) => (index === 0 ? gate.promise : 'begun'));
    const { manager, clock, controller, call } = importOf({ handler }, { concurrency: 1 });
    const first = call(0);
    const second = codeOf(call(1));
    await clock.run(0);
    // The slot is handed over when the first has settled; the abort comes before the second goes on.
    void gate.promise.then(() => Promise.resolve().then(() => controller.abort(new Error('stop'))));
    gate.open('done');
    expect([await first, await second]).toEqual(['done', 'Error']);
    expect(handler).toHaveBeenCalledTimes(1);
    expect((await manager.counts()).atWork).toBe(0);
  });

  it('can take everything out of its context', async () => {
    const seen: unknown[] = [];
    const handler = (_input: unknown, { progress, log: { info }, ...rest }: TaskContext) => {
      progress(1);
      info('hello');
      seen.push(rest.attempt, rest.itemIndex);
    };
    const { clock, call, lines } = importOf({ handler });
    const item = call(3);
    await clock.run(0);
    await item;
    expect([seen, lines]).toEqual([[1, 3], ['item 3: hello']]);
  });

  it('that does not stop keeps its slot, and its import goes on without it', async () => {
    const gate = new Gate();
    const { manager, clock, controller, call } = importOf({ handler: () => gate.promise }, { graceMs: 100 });
    const item = codeOf(call(0));
    await settle();
    controller.abort(new Error('stop'));
    await clock.run(100);
    expect(await item).toBe('Error');
    expect(await manager.counts()).toMatchObject({ atWork: 1, abandoned: 1 });
    gate.open(undefined);
    await settle();
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0 });
  });

  it.each([
    ['wait', { concurrency: 1 }],
    ['are at work', { concurrency: 100 }],
  ])('puts one listener on the signal of its import, however many %s', async (_what, options) => {
    const { clock, controller, signal, call } = importOf({ handler: hang }, { graceMs: 0, ...options });
    const add = jest.spyOn(signal, 'addEventListener');
    const remove = jest.spyOn(signal, 'removeEventListener');
    const items = Array.from({ length: 50 }, (_, n) => codeOf(call(n)));
    await clock.run(0);
    expect(add.mock.calls.length - remove.mock.calls.length).toBe(1);
    controller.abort(new Error('stop'));
    await clock.run(0);
    await Promise.all(items);
    expect(add.mock.calls.length - remove.mock.calls.length).toBe(0);
  });
});
