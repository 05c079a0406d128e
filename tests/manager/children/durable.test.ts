import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sqlite } from '../../../src/backends/sqlite/sqlite-backend.js';
import type { TaskManager } from '../../../src/manager/task-manager.js';
import { TaskError } from '../../../src/task/errors.js';
import { defineTask } from '../../../src/task/task.js';
import { ForwardingBackend } from '../../../src/testing/forwarding-backend.js';
import { DurableBench } from '../../backends/sqlite/durable.js';
import { until } from '../../until.js';
import { aborted, Gate, hang } from '../workbench.js';

let bench: DurableBench;

beforeEach(async () => {
  bench = new DurableBench();
  await bench.open();
});

afterEach(() => bench.dispose());

/** Cannot cancel for a while. */
class RefusingCancels extends ForwardingBackend {
  readonly refuses = 3;
  refused = 0;

  override cancel(...args: Parameters<ForwardingBackend['cancel']>) {
    if (this.refused === this.refuses) return this.real.cancel(...args);
    this.refused += 1;
    return Promise.reject(new TaskError('BACKEND', 'not now'));
  }
}

/** Tasks of one process: what they do is noted, and what is gated waits until the test lets it go on. */
function processTasks() {
  const done: string[] = [];
  const gate = new Gate();
  const child = defineTask({
    name: 'child',
    handler: async (name: string, ctx) => {
      done.push(name);
      if (name.startsWith('slow')) await Promise.race([gate.promise, aborted(ctx.signal)]);
      return `${name} done`;
    },
  });
  const parent = defineTask({
    name: 'parent',
    handler: async (_: unknown, ctx) => {
      done.push('parent');
      const step = await ctx.step('step', () => (done.push('step'), 7));
      const quick = await (await ctx.start(child, 'quick', { key: 'quick' })).result();
      await ctx.start(child, 'slow without');
      const slow = await (await ctx.start(child, 'slow', { key: 'slow' })).result();
      gate.open(1);
      return [step, quick, slow];
    },
  });
  return { tasks: [child, parent], child, parent, done, gate };
}

/** A process at work on a parent that no crash lets begin again, and that waits for a child. */
async function startedOnce(delayMs: number) {
  const before = processTasks();
  const file = bench.newFile();
  const once = defineTask({
    name: 'once',
    onCrash: 'fail',
    handler: async (_: unknown, ctx) => (await ctx.start(before.child, 'slow', { delayMs })).result(),
  });
  const manager = bench.manager(file, { tasks: [once, before.child] });
  const { id } = await manager.start(once, null);
  return { before, file, once, manager, id };
}

async function childrenOf(manager: TaskManager, id: string): Promise<unknown[]> {
  return ((await manager.tree(id))?.children ?? []).map(({ run }) => run.status);
}

describe('a parent in a file', () => {
  it('goes on after a crash: what has completed is not done again, what had no key is gone first', async () => {
    const before = processTasks();
    const file = bench.newFile();
    const manager = bench.manager(file, { tasks: before.tasks, concurrency: 3 });
    const { id } = await manager.start(before.parent, null);
    await until(() => before.done.includes('slow'));
    const image = await bench.crash(file);
    const after = processTasks();
    const next = bench.manager(image, { tasks: after.tasks, concurrency: 3 });
    await next.open();
    await until(() => after.done.includes('parent'));
    await until(() => after.done.includes('slow'));
    expect((await childrenOf(next, id)).slice(0, 2)).toEqual(['completed', 'cancelled']);
    after.gate.open(1);
    expect(await next.handle(id).result()).toEqual([7, 'quick done', 'slow done']);
    expect(after.done).not.toContain('step');
    expect(after.done).not.toContain('quick');
    expect(await childrenOf(next, id)).toEqual(['completed', 'cancelled', 'completed', 'completed']);
  });

  it('goes back to the queue with its children when the manager closes, and a later one does the rest', async () => {
    const before = processTasks();
    const file = bench.newFile();
    const manager = bench.manager(file, { tasks: before.tasks });
    const { id } = await manager.start(before.parent, null);
    await until(() => before.done.includes('slow'));
    expect(await manager.close({ graceMs: 0 })).toMatchObject({ interrupted: 3, abandoned: 0 });
    const after = processTasks();
    after.gate.open(1);
    const next = bench.manager(file, { tasks: after.tasks });
    expect(await next.handle(id).result()).toEqual([7, 'quick done', 'slow done']);
    expect(after.done).not.toContain('quick');
  });

  it('whose time ran out has failed with that when the manager closes, also where its child is still in its grace', async () => {
    const child = defineTask({ name: 'child', handler: () => hang() });
    const parent = defineTask({
      name: 'parent',
      limits: { hardLimitMs: 50 },
      handler: async (_: unknown, ctx) => (await ctx.start(child, null)).result(),
    });
    const file = bench.newFile();
    const manager = bench.manager(file, { tasks: [parent, child], graceMs: 60_000 });
    const { id } = await manager.start(parent, null);
    await until(async () => (await manager.list({ task: 'child', status: ['cancelling'] })).items.length === 1);
    await manager.close({ graceMs: 50 });
    const next = bench.manager(file, { tasks: [], work: false });
    expect(await next.get(id)).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'TIME_LIMIT' } });
  });

  it('that ended while its child waited takes that along: its handler is never called', async () => {
    const { before, file, once, id } = await startedOnce(100);
    await until(() => before.done.includes('slow'));
    const image = await bench.crash(file);
    const after = processTasks();
    const next = bench.manager(image, { tasks: [once, after.child] });
    await next.open();
    expect(await next.handle(id).settled()).toMatchObject({ status: 'failed', error: { code: 'RUN_INTERRUPTED' } });
    const [child] = (await next.tree(id))?.children ?? [];
    expect(await next.handle(child?.run.id ?? '').settled()).toMatchObject({
      status: 'cancelled',
      cancelReason: 'the parent has ended',
    });
    expect(after.done).toEqual([]);
  });

  it('that ended with its process takes children along that are not due for long', async () => {
    const { file, once, manager, id } = await startedOnce(86_400_000);
    await until(async () => (await manager.tree(id))?.children.length === 1);
    const image = await bench.crash(file);
    const next = bench.manager(image, { tasks: [once, processTasks().child] });
    await next.open();
    const [child] = (await next.tree(id))?.children ?? [];
    expect(await next.handle(child?.run.id ?? '').settled()).toMatchObject({ status: 'cancelled', attempt: 0 });
  });

  it('that ended before its child begins, which cannot be cancelled yet: that is given back, and tried again', async () => {
    const { before, file, once, id } = await startedOnce(100);
    await until(() => before.done.includes('slow'));
    const image = await bench.crash(file);
    const after = processTasks();
    const backend = new RefusingCancels(sqlite({ file: image }));
    const next = bench.manager(image, { backend, tasks: [once, after.child] });
    await next.open();
    await until(() => backend.refused === backend.refuses);
    const [child] = (await next.tree(id))?.children ?? [];
    expect(await next.handle(child?.run.id ?? '').settled()).toMatchObject({ status: 'cancelled' });
    expect(after.done).toEqual([]);
  });
});
