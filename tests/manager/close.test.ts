import { describe, expect, it, jest } from '@jest/globals';
import type { TaskContext } from '../../src/task/task-context.js';
import { defineTask } from '../../src/task/task.js';
import { settle } from '../fake-clock.js';
import { aborted, closeNow, codeOf, Gate, hang, newManager, readAll } from './workbench.js';

describe('close', () => {
  it('refuses starts and redrives from its call on, while everything else answers', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const run = await manager.start('a', () => gate.promise);
    await (await manager.start('b', () => Promise.reject(new Error('no')))).settled();
    const closing = manager.close();
    expect(manager.closing).toBe(true);
    expect(await codeOf(manager.start('c', hang))).toBe('MANAGER_CLOSED');
    expect(await codeOf(manager.redrive('b'))).toBe('MANAGER_CLOSED');
    expect(await manager.get('a')).toMatchObject({ status: 'running' });
    expect(await run.cancel()).toMatchObject({ status: 'cancelling' });
    gate.open('value');
    await clock.run(0);
    expect(await closing).toEqual({ completed: 1, interrupted: 0, waiting: 0, abandoned: 0 });
    expect(await manager.get('a')).toMatchObject({ status: 'cancelled', result: 'value' });
    expect((await manager.list()).items).toHaveLength(2);
  });

  it('begins nothing any more, not even what was started just before it', async () => {
    const { manager, clock } = newManager();
    await manager.open();
    const handler = jest.fn();
    const run = manager.start('a', handler);
    expect(await closeNow(manager, clock)).toMatchObject({ waiting: 1 });
    expect(await (await run).settled()).toMatchObject({ status: 'cancelled', cancelReason: 'closed' });
    expect(handler).not.toHaveBeenCalled();
  });

  it('cancels waiting runs, whatever they wait for, and counts each once', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const gate = new Gate();
    const fails = () => Promise.reject(new Error('no'));
    const retry = { maxAttempts: 2 };
    const retrying = await manager.start('retrying', fails, { retry });
    await retrying.snapshot();
    await clock.run(0);
    await manager.start('at-work', () => gate.promise, { retry });
    await clock.run(0);
    await manager.start('queued', hang);
    await manager.start('scheduled', hang, { delayMs: 1e9 });
    const closing = manager.close();
    await settle();
    const ends = (await manager.list()).items.map(({ id, status, cancelReason }) => [id, status, cancelReason]);
    expect(ends).toEqual([
      ['scheduled', 'cancelled', 'closed'],
      ['queued', 'cancelled', 'closed'],
      ['at-work', 'running', null],
      ['retrying', 'cancelled', 'closed'],
    ]);
    // It fails during the grace, and would have had another attempt.
    gate.fail(new Error('no'));
    await clock.run(0);
    expect(await closing).toEqual({ completed: 0, interrupted: 0, waiting: 4, abandoned: 0 });
    expect((await manager.counts()).total).toMatchObject({ cancelled: 4, retrying: 0 });
  });

  it('lets running handlers finish within the grace, without touching their signal', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    let signal: AbortSignal | undefined;
    const run = await manager.start('a', (ctx) => ((signal = ctx.signal), gate.promise));
    await settle();
    const closing = manager.close({ graceMs: 1_000 });
    await clock.run(999);
    expect(signal?.aborted).toBe(false);
    gate.open('in time');
    expect(await closing).toEqual({ completed: 1, interrupted: 0, waiting: 0, abandoned: 0 });
    expect(await run.result()).toBe('in time');
  });

  it('aborts the signals when the grace is over, and ends those that throw then as RUN_INTERRUPTED', async () => {
    const { manager, clock } = newManager();
    const reasons: unknown[] = [];
    const stops = (ctx: TaskContext) =>
      aborted(ctx.signal).catch((reason: unknown) => {
        reasons.push((reason as { code: string }).code);
        throw reason;
      });
    const run = await manager.start('a', stops, { retry: { maxAttempts: 5 } });
    const tidies = await manager.start('b', (ctx) => aborted(ctx.signal).catch(() => 'tidy'));
    await settle();
    const closing = manager.close({ graceMs: 1_000 });
    await clock.run(1_000);
    expect(await closing).toEqual({ completed: 1, interrupted: 1, waiting: 0, abandoned: 0 });
    expect(reasons).toEqual(['RUN_INTERRUPTED']);
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      error: { code: 'RUN_INTERRUPTED' },
      abandoned: false,
    });
    expect(await tidies.settled()).toMatchObject({ status: 'completed', result: 'tidy' });
  });

  it('leaves behind what still does not stop, 250 ms later, as abandoned', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const run = await manager.start('a', () => gate.promise);
    await settle();
    const closing = manager.close({ graceMs: 1_000 });
    await clock.run(1_249);
    expect((await run.snapshot())?.status).toBe('running');
    await clock.run(1);
    expect(await closing).toEqual({ completed: 0, interrupted: 1, waiting: 0, abandoned: 1 });
    const ended = await run.settled();
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'RUN_INTERRUPTED' }, abandoned: true });
    gate.open('late');
    await settle();
    expect(await run.snapshot()).toEqual(ended);
    expect(clock.pending).toBe(0);
  });

  it.each([0, 500, 5_000])('with a grace of %p ms ends within a second more, whatever is at work', async (graceMs) => {
    const { manager, clock } = newManager({ graceMs: 1e6 });
    const begunAt = clock.monotonic();
    const crowd = [];
    for (let n = 0; n < 50; n += 1) {
      const retry = { maxAttempts: 3, initialDelayMs: 1 };
      crowd.push(await manager.start(`run-${n}`, n % 2 ? hang : (ctx) => aborted(ctx.signal), { retry }));
    }
    await manager.start('cancelling', hang);
    await settle();
    await manager.cancel('cancelling');
    let endedAt = Infinity;
    const closing = manager.close({ graceMs }).then((report) => {
      endedAt = clock.monotonic();
      return report;
    });
    await clock.run(graceMs + 1_000);
    const report = await closing;
    expect(endedAt - begunAt).toBeLessThanOrEqual(graceMs + 1_000);
    expect(report).toEqual({ completed: 0, interrupted: 51, waiting: 0, abandoned: 26 });
    await Promise.all(crowd.map((run) => run.settled()));
  });

  it('gives the same promise to whoever calls again: the first grace counts', async () => {
    const { manager, clock } = newManager();
    await manager.start('a', hang);
    await settle();
    const first = manager.close({ graceMs: 0 });
    const second = manager.close({ graceMs: 1e6 });
    await clock.run(250);
    expect(await second).toBe(await first);
  });

  it('settles every waiter and ends every stream', async () => {
    const { manager, clock } = newManager();
    const stuck = await manager.start('stuck', hang);
    const waits = await manager.start('waits', hang, { delayMs: 1_000 });
    await settle();
    const waiters = [stuck.settled(), waits.settled(), codeOf(stuck.result()), codeOf(waits.result())];
    const streams = [manager.events(), stuck.events(), waits.events()].map(readAll);
    await closeNow(manager, clock);
    expect((await Promise.all(waiters)).slice(2)).toEqual(['RUN_INTERRUPTED', 'RUN_CANCELLED']);
    const last = (await Promise.all(streams)).map((events) => events.at(-1)?.type);
    expect(last.slice(1)).toEqual(['run:failed', 'run:cancelled']);
    expect(await readAll(manager.events())).toEqual([]);
  });

  it('refuses a start whose asynchronous schema was still at it', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate<{ value: unknown }>();
    const handler = jest.fn();
    const input = { '~standard': { version: 1 as const, vendor: 'test', validate: () => gate.promise } };
    const started = codeOf(manager.start(defineTask({ name: 't', input, handler }), 1));
    await closeNow(manager, clock);
    gate.open({ value: 1 });
    expect(await started).toBe('MANAGER_CLOSED');
    await settle();
    expect(handler).not.toHaveBeenCalled();
  });

  it('may be called by a handler, which is then interrupted like any other', async () => {
    const { manager, clock } = newManager();
    let report: unknown;
    const run = await manager.start('a', async () => (report = await manager.close({ graceMs: 100 })));
    await clock.run(1_000);
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'RUN_INTERRUPTED' } });
    expect(report).toMatchObject({ interrupted: 1, abandoned: 1 });
  });

  it('leaves no timer behind', async () => {
    const { manager, clock } = newManager();
    await (await manager.start('done', () => 1, { idempotencyKey: 'k' })).settled();
    await (await manager.start('bad', () => Promise.reject(new Error('no')))).settled();
    const rate = { count: 1, perMs: 60_000 };
    const paced = defineTask({ name: 't', limits: { rate, hardLimitMs: 5_000 }, handler: hang });
    await manager.start(paced);
    await manager.start(paced);
    await manager.start('waits', hang, { delayMs: 1_000, expiresInMs: 2_000 });
    await clock.run(0);
    await closeNow(manager, clock);
    expect(clock.pending).toBe(0);
  });

  it('of a manager that was never used has nothing to do', async () => {
    const { manager } = newManager();
    expect(await manager.close()).toEqual({ completed: 0, interrupted: 0, waiting: 0, abandoned: 0 });
    const { manager: other } = newManager();
    await other[Symbol.asyncDispose]();
    expect(other.closing).toBe(true);
  });

  it('refuses options that are wrong, and closes nothing then', async () => {
    const { manager } = newManager();
    expect(await codeOf(manager.close({ graceMs: -1 }))).toBe('RangeError');
    expect(await codeOf(manager.close({ grace: 1 } as object))).toBe('TypeError');
    expect(manager.closing).toBe(false);
  });
});
