import { describe, expect, it, jest } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { settle } from '../fake-clock.js';
import { codeOf, Gate, hang, newManager } from './workbench.js';

/** Counts the listeners that a signal carries. */
function listenersOf(signal: AbortSignal) {
  const add = jest.spyOn(signal, 'addEventListener');
  const remove = jest.spyOn(signal, 'removeEventListener');
  return () => add.mock.calls.length - remove.mock.calls.length;
}

describe('a handle', () => {
  it('gives the result, however often and late it is asked', async () => {
    const { manager } = newManager();
    const run = await manager.start('a', () => ({ n: 1 }));
    const [first, second] = await Promise.all([run.result(), run.result()]);
    expect([first, second, await run.result()]).toEqual([{ n: 1 }, { n: 1 }, { n: 1 }]);
  });

  it('rejects with a TaskError whose cause is what the handler threw', async () => {
    const { manager } = newManager();
    const thrown = new RangeError('too far');
    const run = await manager.start('a', () => Promise.reject(thrown));
    const error = (await run.result().catch((caught: unknown) => caught)) as Error & { code: string; details: unknown };
    expect(error).toMatchObject({ name: 'TaskError', code: 'HANDLER_FAILED', message: 'Run a failed: too far' });
    expect(error.cause).toBe(thrown);
    expect(error.details).toEqual({ runId: 'a', status: 'failed', attempt: 1 });
  });

  it('settles with the final snapshot, which never rejects and never changes', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', () => Promise.reject(new Error('no')));
    const ended = await run.settled();
    clock.advance(10_000);
    expect(await run.settled()).toBe(ended);
    expect(await run.snapshot()).toEqual(ended);
  });

  it('can be made for any run by its id', async () => {
    const { manager } = newManager();
    const task = defineTask({ name: 't', handler: () => 'typed' });
    const { id } = await manager.start(task);
    expect(await manager.handle(task, id).result()).toBe('typed');
    expect(await manager.handle(id).snapshot()).toMatchObject({ id, status: 'completed' });
    expect(await manager.handle(id).cancel()).toMatchObject({ status: 'completed' });
  });

  it('of no run says so, and finds the run once there is one', async () => {
    const { manager } = newManager();
    const run = manager.handle('a');
    expect(await codeOf(run.settled())).toBe('RUN_NOT_FOUND');
    expect(await codeOf(run.result())).toBe('RUN_NOT_FOUND');
    expect([await run.snapshot(), await run.cancel()]).toEqual([undefined, undefined]);
    await manager.start('a', () => 1);
    expect(await run.result()).toBe(1);
  });

  it('follows its run when retention has forgotten it', async () => {
    const { manager } = newManager({ retention: { maxFinished: 0 } });
    const run = await manager.start('a', () => 1);
    expect(await run.result()).toBe(1);
    expect(await manager.get('a')).toBeUndefined();
    expect(await run.settled()).toMatchObject({ status: 'completed', result: 1 });
  });
});

describe('a wait with a signal', () => {
  it('ends at once with the reason, and the run goes on', async () => {
    const { manager } = newManager();
    const gate = new Gate();
    const run = await manager.start('a', () => gate.promise);
    const controller = new AbortController();
    const waits = [run.settled(controller), run.result(controller)].map((wait) =>
      wait.catch((error: unknown) => error),
    );
    await settle();
    controller.abort('enough');
    expect(await Promise.all(waits)).toEqual(['enough', 'enough']);
    expect(await run.settled(controller).catch((error: unknown) => error)).toBe('enough');
    gate.open('done');
    expect(await run.result()).toBe('done');
  });

  it('adds one listener however many wait, and leaves none', async () => {
    const { manager, clock } = newManager();
    const { signal } = new AbortController();
    const listeners = listenersOf(signal);
    const runs = [];
    for (let n = 0; n < 100; n += 1) runs.push(await manager.start(`run-${n}`, hang, { delayMs: 1_000 }));
    const waits = runs.map((run) => run.settled({ signal }));
    const streams = runs.map((run) => run.events({ signal }));
    await settle();
    expect(listeners()).toBe(1);
    for (const run of runs) await run.cancel();
    await Promise.all(waits);
    await clock.run(0);
    expect(streams).toHaveLength(100);
    expect(listeners()).toBe(0);
  });

  it('does not grow with 100,000 runs under one shutdown signal, and Node warns of nothing', async () => {
    const warned = jest.fn();
    process.on('warning', warned);
    const { manager } = newManager({ retention: { maxFinished: 10 } });
    const task = defineTask({ name: 't', handler: (n: number) => n });
    const shutdown = new AbortController();
    const listeners = listenersOf(shutdown.signal);
    let most = 0;
    for (let begun = 0; begun < 100_000; begun += 2_000) {
      const runs = await Promise.all(Array.from({ length: 2_000 }, (_, n) => manager.start(task, n)));
      const waits = runs.map((run) => run.settled(shutdown));
      most = Math.max(most, listeners());
      await Promise.all(waits);
    }
    await settle();
    process.off('warning', warned);
    expect([listeners(), most <= 1]).toEqual([0, true]);
    expect(warned).not.toHaveBeenCalled();
    expect((await manager.counts()).total.completed).toBe(10);
  });
});

describe('a wait that is asked for wrongly', () => {
  const wrong = [{ signal: 5 }, { signal: {} }, { sginal: undefined }, null] as unknown as { signal: AbortSignal }[];

  it.each(wrong)('with %p rejects, and never throws at once', async (wait) => {
    const { manager } = newManager();
    const run = await manager.start('a', () => 1);
    expect([await codeOf(run.settled(wait)), await codeOf(run.result(wait))]).toEqual(['TypeError', 'TypeError']);
    await expect(run.settled({ signal: 5 } as unknown as { signal: AbortSignal })).rejects.toThrow(
      'signal must be an AbortSignal; got 5',
    );
    await run.settled();
  });

  it.each(wrong)('as events with %p is refused at once', async (wait) => {
    const { manager } = newManager();
    const run = await manager.start('a', () => 1);
    expect(() => run.events(wait)).toThrow(TypeError);
    expect(() => manager.events(wait)).toThrow(TypeError);
    await run.settled();
  });
});

describe('what a snapshot holds', () => {
  it('cannot be changed where it is shared: tags, failures, progress', async () => {
    const { manager, clock } = newManager();
    const task = defineTask({ name: 't', handler: () => 1 });
    const plain = await (await manager.start(task)).settled();
    const tagged = await (await manager.start(task, 1, { tags: ['x'] })).settled();
    const fails = (ctx: TaskContext) => {
      ctx.progress(1);
      throw new Error('no');
    };
    const failed = await (await manager.start('a', fails)).settled();
    const shared = [plain.tags, plain.failures, tagged.tags, tagged.failures, failed.tags, failed.failures];
    for (const each of [...shared, failed.progress, failed.error, failed.failures[0]])
      expect(Object.isFrozen(each)).toBe(true);
    clock.advance(1);
  });

  it('is the result itself, in the process where it was made', async () => {
    const { manager } = newManager();
    const result = { rows: [1] };
    const run = await manager.start('a', () => result);
    expect([await run.result(), (await run.settled()).result]).toEqual([result, result]);
    expect(await run.result()).toBe(result);
  });
});
