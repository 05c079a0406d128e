import { describe, expect, it } from '@jest/globals';
import { memory } from '../../../src/index.js';
import type { Holder, StoredRun, Worker, WorkOptions } from '../../../src/ports/backend.js';
import { defineTask } from '../../../src/task/task.js';
import { ForwardingBackend } from '../../../src/testing/forwarding-backend.js';
import { aborted, Gate, newManager } from '../workbench.js';

/** Takes its time to say which children an earlier attempt has left, and loses leases when it is told to. */
class SlowToLook extends ForwardingBackend {
  readonly found = new Gate<readonly StoredRun[]>();
  readonly holders: { readonly run: StoredRun; readonly holder: Holder }[] = [];
  readonly cancels: unknown[] = [];
  /** No cancel of it is heard. */
  deaf: string | undefined;

  override childrenOf(run: StoredRun, which: 'unended' | 'all') {
    return run.id === 'again' && run.status === 'running' ? this.found.promise : this.real.childrenOf(run, which);
  }

  override cancel(...[id, request, ordinal]: Parameters<ForwardingBackend['cancel']>) {
    this.cancels.push(request.reason);
    if (id === this.deaf) return undefined;
    return this.real.cancel(id, request, ordinal);
  }

  override work(options: WorkOptions): Worker {
    const take: WorkOptions['take'] = (run, lease) => {
      const holder = options.take(run, lease);
      this.holders.push({ run, holder });
      return holder;
    };
    return this.real.work({ ...options, take });
  }
}

/** A second attempt that waits to hear what the first one has left: a child that is at work until it is cancelled. */
async function secondAttempt(key: string | undefined, work = (signal: AbortSignal): unknown => aborted(signal)) {
  const backend = new SlowToLook(memory());
  const { manager, clock } = newManager({ backend, graceMs: 100 });
  const slow = defineTask({ name: 'slow', handler: (_: unknown, ctx) => work(ctx.signal) });
  await manager.start('elsewhere', async (ctx) => {
    await ctx.start(slow, undefined, key === undefined ? {} : { key });
  });
  await clock.run(0);
  const [child] = (await manager.list({ task: 'slow' })).items;
  const left = await backend.find(child?.id ?? '');
  let calls = 0;
  const task = defineTask({
    name: 'again',
    retry: { maxAttempts: 2, initialDelayMs: 0, jitter: 'none' },
    handler: () => {
      calls += 1;
      throw new Error('on purpose');
    },
  });
  const run = await manager.start(task, undefined, { id: 'again' });
  await clock.run(0);
  expect((await run.snapshot())?.attempt).toBe(2);
  return {
    ...{ backend, manager, clock, run, task, left: left?.id, calls: () => calls },
    lose: () => backend.holders.findLast((each) => each.run.id === 'again')?.holder.lost(),
    look: async () => {
      backend.found.open(left === undefined ? [] : [left]);
      await clock.run(0);
    },
    childStatus: async () => (await manager.get(left?.id ?? ''))?.status,
  };
}

describe.each([['with', 'a'] as const, ['without', undefined] as const])(
  'a parent that is cancelled before it has heard of a child %s a key',
  (_, key) => {
    it('does not end before that child, which hears why', async () => {
      const { backend, run, calls, look, childStatus } = await secondAttempt(key);
      await run.cancel('enough');
      await look();
      expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false });
      expect(await childStatus()).toBe('cancelled');
      expect(backend.cancels).toEqual(['enough', 'enough']);
      expect(calls()).toBe(1);
    });

    it('leaves its id free when its grace was over before it heard of it', async () => {
      const { manager, clock, run, task, calls, look } = await secondAttempt(key);
      await run.cancel();
      await clock.run(100);
      expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: true });
      await look();
      expect(await manager.counts()).toMatchObject({ abandoned: 0 });
      expect(calls()).toBe(1);
      expect(await manager.start(task, undefined, { id: 'again' })).toMatchObject({ replayed: false });
    });

    it('is no handler at work that was abandoned when its lease is lost before that child has ended', async () => {
      const gate = new Gate();
      const { backend, manager, clock, run, left, lose, look } = await secondAttempt(key, () => gate.promise);
      backend.deaf = left;
      await run.cancel();
      await look();
      await clock.run(100);
      lose();
      await clock.run(0);
      const counts = await manager.counts();
      gate.open(1);
      await clock.run(0);
      expect([counts.abandoned, (await manager.counts()).abandoned]).toEqual([0, 0]);
    });

    it('leaves that child to whoever has the run by now, when its lease was lost', async () => {
      const { clock, calls, lose, look, childStatus } = await secondAttempt(key);
      lose();
      await look();
      await clock.run(1_000);
      expect(await childStatus()).toBe('running');
      expect(calls()).toBe(1);
    });
  },
);
