import { describe, expect, it, jest } from '@jest/globals';
import type { TaskContext } from '../../src/task/task-context.js';
import { defineTask } from '../../src/task/task.js';
import { memoryBackend } from '../../src/backends/memory/memory-backend.js';
import type { Backend } from '../../src/ports/backend.js';
import { settle } from '../fake-clock.js';
import { aborted, codeOf, Gate, hang, newManager, readAll } from './workbench.js';

describe('cancel', () => {
  describe('in the turn of the start', () => {
    it('ends the run as cancelled, and its handler is never called', async () => {
      const { manager } = newManager();
      const handler = jest.fn();
      const started = manager.start('a', handler);
      const cancelled = manager.cancel('a', 'changed my mind');
      expect(await cancelled).toMatchObject({ status: 'cancelled', cancelReason: 'changed my mind', startedAt: null });
      expect((await (await started).settled()).status).toBe('cancelled');
      await settle();
      expect(handler).not.toHaveBeenCalled();
    });
  });

  describe('a queued run', () => {
    it('ends as cancelled and its handler is never called, while the others go on', async () => {
      const { manager } = newManager({ concurrency: 1 });
      const gate = new Gate();
      const called: string[] = [];
      await manager.start('first', () => gate.promise);
      const runs = [];
      for (const id of ['a', 'b', 'c']) runs.push(await manager.start(id, () => void called.push(id)));
      expect(await manager.cancel('b')).toMatchObject({ status: 'cancelled' });
      gate.open(undefined);
      await Promise.all(runs.map((run) => run.settled()));
      expect(called).toEqual(['a', 'c']);
    });
  });

  describe('a scheduled run', () => {
    it('ends as cancelled and does not begin when it is due', async () => {
      const { manager, clock } = newManager();
      const handler = jest.fn();
      await manager.start('a', handler, { delayMs: 1_000 });
      expect(await manager.cancel('a')).toMatchObject({ status: 'cancelled' });
      await clock.run(2_000);
      expect(handler).not.toHaveBeenCalled();
    });
  });

  describe('a run that waits for its next attempt', () => {
    it('ends as cancelled, without an error, and is not tried again', async () => {
      const { manager, clock } = newManager();
      const handler = jest.fn(() => {
        throw new Error('no');
      });
      const run = await manager.start('a', handler, { retry: { maxAttempts: 5, initialDelayMs: 1_000 } });
      await clock.run(0);
      expect(await manager.get('a')).toMatchObject({ status: 'retrying', error: { message: 'no' } });
      expect(await run.cancel()).toMatchObject({ status: 'cancelled', error: null, attempt: 1 });
      await clock.run(100_000);
      expect(handler).toHaveBeenCalledTimes(1);
    });
  });

  describe('a running run', () => {
    it('aborts its signal in the same turn, with who and why', async () => {
      const { manager } = newManager();
      let signal: AbortSignal | undefined;
      await manager.start('a', (ctx) => aborted((signal = ctx.signal)));
      await settle();
      void manager.cancel('a', { by: 'operator', reason: 'wrong file' });
      expect(signal?.aborted).toBe(true);
      expect(signal?.reason).toMatchObject({ code: 'RUN_CANCELLED', by: 'operator', reason: 'wrong file' });
    });

    it('is cancelling until its handler settles, then cancelled', async () => {
      const { manager } = newManager();
      const gate = new Gate();
      const run = await manager.start('a', () => gate.promise);
      await settle();
      expect(await run.cancel()).toMatchObject({ status: 'cancelling', finishedAt: null });
      expect((await run.snapshot())?.status).toBe('cancelling');
      gate.fail(new Error('stopped'));
      expect(await run.settled()).toMatchObject({ status: 'cancelled', error: null, abandoned: false });
    });

    it('ends as cancelled and keeps the value where the handler swallows the abort and returns', async () => {
      const { manager } = newManager();
      const run = await manager.start('a', async (ctx) => {
        await aborted(ctx.signal).catch(() => undefined);
        return { done: 3 };
      });
      await settle();
      await run.cancel('enough');
      expect(await run.settled()).toMatchObject({ status: 'cancelled', result: { done: 3 }, cancelReason: 'enough' });
      await expect(run.result()).rejects.toMatchObject({ code: 'RUN_CANCELLED' });
    });

    it('is not tried again, and its policy is not asked', async () => {
      const { manager, clock } = newManager();
      const retryOn = jest.fn(() => true);
      const handler = jest.fn((ctx: TaskContext) => aborted(ctx.signal));
      const run = await manager.start('a', handler, { retry: { maxAttempts: 5, retryOn } });
      await settle();
      await run.cancel();
      await clock.run(100_000);
      expect((await run.settled()).status).toBe('cancelled');
      expect([handler.mock.calls.length, retryOn.mock.calls.length]).toEqual([1, 0]);
    });

    it('keeps the first request when it is cancelled again', async () => {
      const { manager, clock } = newManager();
      const reasons: unknown[] = [];
      const run = await manager.start('a', (ctx) => {
        ctx.signal.addEventListener('abort', () => reasons.push((ctx.signal.reason as { reason: unknown }).reason));
        return hang();
      });
      await settle();
      await run.cancel('first');
      clock.advance(100);
      expect(await run.cancel('second')).toMatchObject({ cancelReason: 'first', cancelRequestedAt: clock.now() - 100 });
      expect(reasons).toEqual(['first']);
    });

    it('may be cancelled by its own handler, before that has returned', async () => {
      const { manager } = newManager();
      const run = await manager.start('a', (ctx) => {
        void manager.cancel(ctx.runId);
        return ctx.signal.aborted;
      });
      expect(await run.settled()).toMatchObject({ status: 'cancelled', result: true });
    });

    it('shows an aborted signal to a handler that looks at it only afterwards', async () => {
      const { manager } = newManager();
      const gate = new Gate();
      const run = await manager.start('a', async (ctx) => {
        await gate.promise;
        return [ctx.signal.aborted, (ctx.signal.reason as { code: string }).code];
      });
      await settle();
      await run.cancel();
      gate.open(undefined);
      expect((await run.settled()).result).toEqual([true, 'RUN_CANCELLED']);
    });

    it('calls abort listeners in the order in which they were added, before cancel answers', async () => {
      const { manager } = newManager();
      const called: string[] = [];
      await manager.start('a', (ctx) => {
        for (const name of ['first', 'second', 'third']) ctx.signal.addEventListener('abort', () => called.push(name));
        return hang();
      });
      await settle();
      const answer = manager.cancel('a').then(() => called.push('answer'));
      expect(called).toEqual(['first', 'second', 'third']);
      await answer;
      expect(called.at(-1)).toBe('answer');
    });

    it('does not begin its handler where an asynchronous schema still looks at the input', async () => {
      const { manager } = newManager();
      const gate = new Gate<{ value: unknown }>();
      let calls = 0;
      const validate = (value: unknown) => ((calls += 1) === 1 ? { value } : gate.promise);
      const handler = jest.fn();
      const input = { '~standard': { version: 1 as const, vendor: 'test', validate } };
      const run = await manager.start(defineTask({ name: 't', input, handler }), 1);
      await settle();
      expect(await run.cancel()).toMatchObject({ status: 'cancelling' });
      gate.open({ value: 1 });
      expect((await run.settled()).status).toBe('cancelled');
      expect(handler).not.toHaveBeenCalled();
    });
  });

  describe('an ended run', () => {
    it('stays what it is', async () => {
      const { manager } = newManager();
      const done = await (await manager.start('a', () => 'kept')).settled();
      const failed = await (await manager.start('b', () => Promise.reject(new Error('no')))).settled();
      expect([await manager.cancel('a'), await manager.cancel('b')]).toEqual([done, failed]);
      expect([await manager.get('a'), await manager.get('b')]).toEqual([done, failed]);
    });
  });

  it('drops a result that comes after the run was cancelled', async () => {
    const { manager, clock } = newManager({ graceMs: 100 });
    const gate = new Gate();
    const run = await manager.start('a', () => gate.promise);
    const events = readAll(run.events());
    await settle();
    await run.cancel();
    await clock.run(100);
    const ended = await run.settled();
    expect(ended).toMatchObject({ status: 'cancelled', abandoned: true });
    gate.open('too late');
    await settle();
    expect(await manager.get('a')).toEqual(ended);
    expect((await events).at(-1)).toMatchObject({ type: 'run:cancelled', seq: ended.version });
    expect((await manager.counts()).dropped).toBe(1);
  });

  it('gives undefined where there is no such run', async () => {
    const { manager } = newManager();
    expect(await manager.cancel('nobody')).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [5, 'TypeError'],
    ['x'.repeat(501), 'RangeError'],
    [{ by: 7 }, 'TypeError'],
  ])('refuses the reason %p, and cancels nothing', async (reason, name) => {
    const { manager } = newManager();
    await manager.start('a', hang, { delayMs: 1 });
    expect(await codeOf(manager.cancel('a', reason as string))).toBe(name);
    expect(await manager.get('a')).toMatchObject({ status: 'scheduled' });
  });

  it('that comes after the end changes nothing and is counted as dropped, by id or by handle', async () => {
    const { manager } = newManager();
    const run = await manager.start('a', () => 'done');
    await manager.cancel('b');
    const ended = await run.settled();
    expect((await manager.counts()).dropped).toBe(0);
    expect(await manager.cancel('a')).toEqual(ended);
    expect(await run.cancel()).toEqual(ended);
    expect((await manager.counts()).dropped).toBe(2);
  });

  it('by a handle whose run ended while the backend was asked leaves the next run of the id alone', async () => {
    const backend = memoryBackend();
    const asked = new Gate();
    const cancelNow = backend.cancel.bind(backend);
    const { manager } = newManager({
      backend: Object.assign(backend, {
        cancel: async (...args: Parameters<Backend['cancel']>) => {
          await asked.promise;
          return cancelNow(...args);
        },
      }),
    });
    const gate = new Gate();
    const first = await manager.start('a', () => gate.promise);
    const cancelling = first.cancel();
    gate.open('first');
    const ended = await first.settled();
    const second = await manager.start('a', () => 'second', { delayMs: 1_000 });
    asked.open(undefined);
    expect(await cancelling).toEqual(ended);
    expect(await second.snapshot()).toMatchObject({ status: 'scheduled', cancelRequestedAt: null });
    expect((await manager.counts()).dropped).toBe(1);
  });
});
