import { describe, expect, it } from '@jest/globals';
import { memory } from '../../../src/index.js';
import { defineTask } from '../../../src/task/task.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { ForwardingBackend } from '../../../src/testing/forwarding-backend.js';
import { aborted, Gate, newManager } from '../workbench.js';

/** Says that a run is a child which an earlier attempt has left, and cannot cancel it. */
class LeftBehind extends ForwardingBackend {
  left: string | undefined;

  override async childrenOf(...args: Parameters<ForwardingBackend['childrenOf']>) {
    const run = this.left === undefined ? undefined : await this.real.find(this.left);
    return run === undefined ? this.real.childrenOf(...args) : [run];
  }

  override cancel(...[id, request, ordinal]: Parameters<ForwardingBackend['cancel']>) {
    return id === this.left ? undefined : this.real.cancel(id, request, ordinal);
  }
}

/** A chain of runs: each starts the next one, the last is at work until its gate opens or its signal aborts. */
function chain(depth: number, atLeaf: (ctx: TaskContext) => unknown) {
  const signals: AbortSignal[] = [];
  const ids: string[] = [];
  const link = defineTask({
    name: 'link',
    handler: async (level: number, ctx): Promise<unknown> => {
      signals[level] = ctx.signal;
      ids[level] = ctx.runId;
      return level === depth ? atLeaf(ctx) : (await ctx.start(link, level + 1)).result();
    },
  });
  return { link, signals, ids };
}

describe('a cancel', () => {
  it('reaches every descendant in the same turn, with who and why, and the root ends last', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const gate = new Gate();
    const { link, signals, ids } = chain(16, (ctx) => aborted(ctx.signal).catch(() => gate.promise));
    const run = await manager.start(link, 0);
    while (signals.length < 17) await clock.run(0);
    const order: string[] = [];
    for (const id of ids)
      void manager
        .handle(id)
        .settled()
        .then((ended) => order.push(`${ended.id} ${ended.status}`));
    await clock.run(0);
    const cancelling = run.cancel('enough');
    expect(signals.map(({ aborted: seen }) => seen)).toEqual(Array(17).fill(true));
    expect(signals.at(-1)?.reason).toMatchObject({ code: 'RUN_CANCELLED', by: 'parent', reason: 'enough' });
    expect(await cancelling).toMatchObject({ status: 'cancelling' });
    await clock.run(0);
    expect(order).toEqual([]);
    gate.open('late');
    expect(await run.settled()).toMatchObject({ status: 'cancelled', cancelReason: 'enough' });
    await clock.run(0);
    expect(order).toEqual([...ids].reverse().map((id) => `${id} cancelled`));
  });

  it('never lets a child begin that waits, and ends one that is being started', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const begun: string[] = [];
    const child = defineTask({
      name: 'child',
      input: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value: unknown) => Promise.resolve({ value: String(value) }),
        },
      },
      handler: (name: string) => void begun.push(name),
    });
    const run = await manager.start('a', async (ctx) => {
      await ctx.start(child, 'waiting', { delayMs: 100 });
      const starting = ctx.start(child, 'starting');
      await manager.cancel('a');
      await starting;
    });
    await clock.run(1_000);
    expect(await run.settled()).toMatchObject({ status: 'cancelled' });
    expect(begun).toEqual([]);
    const { items } = await manager.list({ task: 'child' });
    expect(items.map(({ status, parentId }) => [status, parentId])).toEqual([
      ['cancelled', 'a'],
      ['cancelled', 'a'],
    ]);
  });

  it('of a parent whose leaf does not stop ends all of them after one grace, the leaf abandoned', async () => {
    const { manager, clock } = newManager({ concurrency: 1, graceMs: 1_000 });
    const gate = new Gate();
    const { link, ids } = chain(3, () => gate.promise);
    const run = await manager.start(link, 0);
    while (ids.length < 4) await clock.run(0);
    await run.cancel();
    await clock.run(999);
    expect((await run.snapshot())?.status).toBe('cancelling');
    await clock.run(1);
    expect(await run.settled()).toMatchObject({ status: 'cancelled' });
    const runs = await Promise.all(ids.map((id) => manager.get(id)));
    expect(runs.map((each) => each?.status)).toEqual(Array(4).fill('cancelled'));
    expect(runs.at(-1)?.abandoned).toBe(true);
    expect((await manager.counts()).atWork).toBe(1);
    gate.open(undefined);
    await clock.run(0);
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0 });
  });

  it('keeps what a parent has returned while its children were still at work', async () => {
    const { manager, clock } = newManager();
    const slow = defineTask({ name: 'slow', handler: (_: unknown, ctx) => aborted(ctx.signal) });
    const run = await manager.start('a', async (ctx) => {
      await ctx.start(slow, null);
      return 'half done';
    });
    await clock.run(0);
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', result: 'half done', abandoned: false });
  });

  it('ends a parent whose grace was over before its handler could be called, and leaves its id free', async () => {
    const backend = new LeftBehind(memory());
    const { manager, clock } = newManager({ backend, graceMs: 100 });
    const gate = new Gate();
    const slow = defineTask({ name: 'slow', handler: () => gate.promise });
    await manager.start('elsewhere', async (ctx) => {
      await ctx.start(slow);
    });
    await clock.run(0);
    const [left] = (await manager.list({ task: 'slow' })).items;
    backend.left = left?.id;
    let calls = 0;
    const again = defineTask({
      name: 'again',
      retry: { maxAttempts: 2, initialDelayMs: 0, jitter: 'none' },
      handler: () => {
        calls += 1;
        throw new Error('on purpose');
      },
    });
    const run = await manager.start(again, undefined, { id: 'again' });
    await clock.run(0);
    expect((await run.snapshot())?.attempt).toBe(2);
    await run.cancel();
    await clock.run(100);
    gate.open(undefined);
    await clock.run(0);
    expect(await run.settled()).toMatchObject({ status: 'cancelled', attempt: 2, abandoned: false });
    expect(calls).toBe(1);
    expect(await manager.counts()).toMatchObject({ abandoned: 0 });
    backend.left = undefined;
    expect(await manager.start(again, undefined, { id: 'again' })).toMatchObject({ replayed: false });
  });
});

describe('a time limit', () => {
  it.each(['soft', 'hard'] as const)('of a parent reaches the leaf: %s', async (which) => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const { link, signals, ids } = chain(3, (ctx) => aborted(ctx.signal));
    const root = defineTask({
      name: 'root',
      limits: which === 'soft' ? { softLimitMs: 100 } : { hardLimitMs: 100 },
      handler: async (_: unknown, ctx) => (await ctx.start(link, 0)).result(),
    });
    const run = await manager.start(root, null);
    await clock.run(99);
    expect(signals).toHaveLength(4);
    expect(signals.some(({ aborted: seen }) => seen)).toBe(false);
    await clock.run(1);
    expect(signals.every(({ aborted: seen }) => seen)).toBe(true);
    expect(await run.settled()).toMatchObject({ status: 'failed', abandoned: false, error: { code: 'TIME_LIMIT' } });
    expect(await manager.get(ids[3] ?? '')).toMatchObject({ status: 'cancelled' });
    expect((await manager.counts()).atWork).toBe(0);
  });

  it('that passes while children are joined fails the attempt: its work was not done in time', async () => {
    const { manager, clock } = newManager();
    const slow = defineTask({ name: 'slow', handler: (_: unknown, ctx) => aborted(ctx.signal) });
    const handler = async (ctx: TaskContext) => {
      await ctx.start(slow, null);
    };
    for (const limit of [{ softLimitMs: 100 }, { hardLimitMs: 100 }]) {
      const run = await manager.start('a', handler, limit);
      await clock.run(100);
      expect(await run.settled()).toMatchObject({ status: 'failed', abandoned: false, error: { code: 'TIME_LIMIT' } });
    }
  });

  it('tells the end of the parent only when its children have ended, however long they take', async () => {
    const { manager, clock } = newManager({ graceMs: 1_000 });
    const gate = new Gate();
    const slow = defineTask({ name: 'slow', handler: () => gate.promise });
    const run = await manager.start(
      'a',
      async (ctx) => {
        await (await ctx.start(slow, null)).settled();
      },
      { hardLimitMs: 100 },
    );
    await clock.run(1_099);
    expect((await run.snapshot())?.status).toBe('running');
    await clock.run(1);
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'TIME_LIMIT' } });
    expect(await manager.list({ task: 'slow' })).toMatchObject({ items: [{ status: 'cancelled', abandoned: true }] });
    gate.open(undefined);
  });
});
