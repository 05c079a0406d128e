import { describe, expect, it, jest } from '@jest/globals';
import type { ChildHandle } from '../../../src/task/child-handle.js';
import { NonRetryableError } from '../../../src/task/errors.js';
import { defineTask } from '../../../src/task/task.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { settle } from '../../fake-clock.js';
import { aborted, Gate, newManager } from '../workbench.js';

const bad = defineTask({ name: 'bad', handler: () => Promise.reject(new Error('secret')) });
const good = defineTask({ name: 'good', handler: () => 'good' });

/** A parent of its own policy. */
function parentOf(handler: (ctx: TaskContext) => unknown, children: 'fail-fast' | 'collect' = 'fail-fast') {
  return defineTask({ name: 'parent', children, handler: (_: unknown, ctx) => handler(ctx) });
}

describe('a child that fails', () => {
  it('fails its parent with CHILD_FAILED, which says which child and why, and shows nothing that was not meant for callers', async () => {
    const { manager } = newManager();
    const run = await manager.start(
      parentOf(async (ctx) => (await ctx.start(bad, null)).result()),
      null,
    );
    const { error } = await run.settled();
    expect(error).toMatchObject({ code: 'CHILD_FAILED', exposed: true });
    expect(error?.message).not.toContain('secret');
    const thrown: unknown = await run.result().catch((caught: unknown) => caught);
    expect(thrown).toMatchObject({
      code: 'CHILD_FAILED',
      cause: {
        code: 'CHILD_FAILED',
        details: { task: 'bad', status: 'failed', code: 'HANDLER_FAILED', runId: expect.any(String) },
        cause: { code: 'HANDLER_FAILED', cause: { message: 'secret' } },
      },
    });
  });

  it.each(['fail-fast', 'collect'] as const)(
    'fails a parent that looks away, however that settles: %s',
    async (policy) => {
      const { manager } = newManager();
      const returns = await manager.start(
        parentOf((ctx) => ctx.start(bad, null).then(() => 'value'), policy),
        null,
      );
      expect(await returns.settled()).toMatchObject({ status: 'failed', error: { code: 'CHILD_FAILED' } });
      // Nobody cancels the child that has ended.
      expect(await manager.counts()).toMatchObject({ dropped: 0 });
    },
  );

  it.each<[string, (child: ChildHandle<unknown>) => Promise<unknown>]>([
    ['settled() is waited for', (child) => child.settled()],
    ['settled() was called', (child) => Promise.resolve([child.settled()])],
    ['result() is waited for', (child) => child.result().catch(() => undefined)],
    [
      'settled() was called once it has failed',
      async (child) => {
        for await (const { type } of child.events()) if (type === 'run:failed') break;
        return child.settled();
      },
    ],
  ])('does not where %s', async (_, handle) => {
    const { manager } = newManager();
    const run = await manager.start(
      parentOf(async (ctx) => {
        await handle(await ctx.start(bad, null));
        return 'fine';
      }),
      null,
    );
    expect(await run.settled()).toMatchObject({ status: 'completed', result: 'fine' });
  });

  it('does not where it was given up by its own handle, but does where somebody else has cancelled it', async () => {
    const { manager, clock } = newManager();
    let id = '';
    const handler = async (ctx: TaskContext) => {
      await (await ctx.start(good, null, { delayMs: 1_000 })).cancel('not needed');
      const other = await ctx.start(good, null, { delayMs: 1_000 });
      id = other.id;
      return 'value';
    };
    const run = await manager.start(parentOf(handler), null);
    await clock.run(0);
    expect((await run.snapshot())?.status).toBe('running');
    await manager.cancel(id, 'by an operator');
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      error: { code: 'CHILD_FAILED', message: expect.stringContaining('was cancelled: by an operator') },
    });
  });

  it('aborts the signal and cancels the others under fail-fast, after the parent had its turn to wait', async () => {
    const { manager, clock } = newManager();
    let reason: unknown;
    let sibling: ChildHandle<unknown> | undefined;
    const handler = async (ctx: TaskContext) => {
      sibling = await ctx.start(good, null, { delayMs: 10_000 });
      await ctx.start(bad, null);
      await aborted(ctx.signal).catch((why: unknown) => (reason = why));
      return 'ignored';
    };
    const run = await manager.start(parentOf(handler), null);
    await clock.run(0);
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'CHILD_FAILED' }, result: undefined });
    expect(reason).toMatchObject({ code: 'CHILD_FAILED' });
    expect(await sibling?.settled()).toMatchObject({
      status: 'cancelled',
      cancelReason: 'another child of its parent has failed',
    });
  });

  it('lets the others end under collect, and fails the parent then', async () => {
    const { manager, clock } = newManager();
    let sibling: ChildHandle<unknown> | undefined;
    const handler = async (ctx: TaskContext) => {
      sibling = await ctx.start(good, null, { delayMs: 10_000 });
      await ctx.start(bad, null);
      return sibling.result();
    };
    const run = await manager.start(parentOf(handler, 'collect'), null);
    await clock.run(9_999);
    expect((await run.snapshot())?.status).toBe('running');
    await clock.run(1);
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'CHILD_FAILED' } });
    expect(await sibling?.settled()).toMatchObject({ status: 'completed' });
  });

  it('lets the parent be tried again by its own policy, with children of its own, whatever the child had asked for', async () => {
    const { manager, clock } = newManager();
    const flaky = defineTask({
      name: 'flaky',
      handler: (attempt: number) => {
        if (attempt < 3) throw new NonRetryableError('not yet');
        return 'done';
      },
    });
    const parent = defineTask({
      name: 'parent',
      retry: { maxAttempts: 3, initialDelayMs: 10, jitter: 'none' },
      handler: async (_: unknown, ctx) => (await ctx.start(flaky, ctx.attempt)).result(),
    });
    const run = await manager.start(parent, null);
    await clock.run(100);
    expect(await run.settled()).toMatchObject({
      status: 'completed',
      attempt: 3,
      result: 'done',
      failures: [{ code: 'CHILD_FAILED' }, { code: 'CHILD_FAILED' }],
    });
  });

  it('leaves a parent cancelled that is cancelled meanwhile', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const run = await manager.start(
      parentOf(async (ctx) => {
        await ctx.start(bad, null);
        await gate.promise;
      }),
      null,
    );
    await clock.run(0);
    await run.cancel('enough');
    gate.open(undefined);
    expect(await run.settled()).toMatchObject({ status: 'cancelled', cancelReason: 'enough', error: null });
  });
});

describe('a parent that throws', () => {
  it('ends when its other children have, which are cancelled', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    let child: ChildHandle<unknown> | undefined;
    const slow = defineTask({
      name: 'slow',
      handler: (_: unknown, ctx) => aborted(ctx.signal).catch(() => gate.promise),
    });
    const run = await manager.start('a', async (ctx) => {
      child = await ctx.start(slow, null);
      await settle();
      throw new Error('of the parent');
    });
    await clock.run(0);
    await clock.run(0);
    expect((await run.snapshot())?.status).toBe('running');
    expect(await child?.snapshot()).toMatchObject({ status: 'cancelling', cancelReason: 'its parent has failed' });
    expect((await manager.counts()).atWork).toBe(1);
    gate.open('late');
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { message: 'of the parent' } });
    expect(await child?.snapshot()).toMatchObject({ status: 'cancelled' });
  });

  it('fails with what it throws where it passes on what a child has failed with in words of its own', async () => {
    const { manager } = newManager();
    const onFailed = jest.fn();
    const parent = defineTask({
      name: 'parent',
      onFailed: (_run, error) => onFailed(error),
      handler: async (_: unknown, ctx) => {
        await (await ctx.start(bad, null)).result().catch(() => {
          throw new Error('in words of its own');
        });
      },
    });
    const run = await manager.start(parent, null);
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'HANDLER_FAILED' } });
    await settle();
    expect(onFailed).toHaveBeenCalledWith(expect.objectContaining({ message: 'in words of its own' }));
  });
});
