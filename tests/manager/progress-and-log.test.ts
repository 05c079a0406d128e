import { describe, expect, it, jest } from '@jest/globals';
import type { TaskContext } from '../../src/task/task-context.js';
import { settle } from '../fake-clock.js';
import { Gate, newManager, readAll } from './workbench.js';

describe('progress', () => {
  it('is shown in counts, and is null before the first and at the beginning of each attempt', async () => {
    const { manager, clock } = newManager();
    const seen: unknown[] = [];
    const run = await manager.start(
      'a',
      (ctx) => {
        ctx.progress(ctx.attempt, 10, 'working');
        if (ctx.attempt === 1) throw new Error('again');
        return new Promise((resolve) => setImmediate(resolve));
      },
      { retry: { maxAttempts: 2, initialDelayMs: 100, jitter: 'none' } },
    );
    seen.push((await run.snapshot())?.progress);
    await clock.run(0);
    seen.push((await run.snapshot())?.progress);
    await clock.run(100);
    seen.push((await run.settled()).progress);
    expect(seen.slice(1)).toEqual([
      { done: 1, total: 10, note: 'working' },
      { done: 2, total: 10, note: 'working' },
    ]);
    const empty = await (await manager.start('b', () => 1)).settled();
    expect(empty.progress).toBeNull();
  });

  it('starts anew with the next attempt', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const handler = (ctx: TaskContext) => {
      if (ctx.attempt === 2) return gate.promise;
      ctx.progress(90);
      throw new Error('again');
    };
    const run = await manager.start('a', handler, { retry: { maxAttempts: 2, initialDelayMs: 10 } });
    await clock.run(100);
    expect(await run.snapshot()).toMatchObject({ attempt: 2, status: 'running', progress: null });
    gate.open(undefined);
  });

  it('in a flood is stored at most ten times a second, and the last always', async () => {
    const { manager, clock } = newManager();
    const floods = async (ctx: TaskContext) => {
      for (let n = 1; n <= 20_000; n += 1) {
        ctx.progress(n, 20_000);
        if (n % 1_000 === 0) {
          clock.advance(50);
          await Promise.resolve();
        }
      }
    };
    const run = await manager.start('a', floods, { delayMs: 1 });
    const reading = readAll(run.events());
    await clock.run(1);
    const events = await reading;
    const told = events.flatMap((event) => (event.type === 'run:progress' ? [event] : []));
    // A second of the clock passes in all: one at once, one each tenth, and the last.
    expect(told).toHaveLength(11);
    expect(told.at(-1)?.progress).toEqual({ done: 20_000, total: 20_000, note: null });
    expect((await run.settled()).progress?.done).toBe(20_000);
  });

  it('told last is stored when the attempt ends, however soon that is', async () => {
    const { manager } = newManager();
    const run = await manager.start('a', (ctx) => {
      ctx.progress(1, 2);
      ctx.progress(2, 2);
    });
    expect((await run.settled()).progress).toEqual({ done: 2, total: 2, note: null });
  });

  it('told once more is stored when its time has come, while the handler is still at work', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const run = await manager.start('a', (ctx) => {
      ctx.progress(1);
      ctx.progress(2);
      return gate.promise;
    });
    await clock.run(99);
    expect((await run.snapshot())?.progress?.done).toBe(1);
    await clock.run(1);
    expect((await run.snapshot())?.progress?.done).toBe(2);
    gate.open(undefined);
  });

  it('never falls within an attempt', async () => {
    const { manager, clock } = newManager();
    const falls = (ctx: TaskContext) => {
      for (const done of [5, 3, 7, 0]) {
        ctx.progress(done);
        clock.advance(1_000);
      }
    };
    const run = await manager.start('a', falls, { delayMs: 1 });
    const reading = readAll(run.events());
    await clock.run(1);
    const told = (await reading).flatMap((event) => (event.type === 'run:progress' ? [event.progress.done] : []));
    expect(told).toEqual([5, 7]);
  });

  it.each([NaN, Infinity, -1, '5', null, undefined])('of %p is refused where it is told', async (done) => {
    const { manager } = newManager();
    const run = await manager.start('a', (ctx) => ctx.progress(done as number));
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      error: { message: expect.stringMatching(/^done must/) },
    });
  });

  it.each([5, {}, Symbol('s')])('whose note is %p is refused where it is told', async (note) => {
    const { manager } = newManager();
    const run = await manager.start('a', (ctx) => ctx.progress(1, 2, note as string));
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      error: { name: 'TypeError', message: expect.stringMatching(/^note must be a string; got/) },
    });
  });

  it('and the log can be taken out of the context', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start(
      'a',
      ({ progress, log, signal }) => {
        const { info } = log;
        progress(1, 2);
        info('half');
        return signal.aborted;
      },
      { delayMs: 1 },
    );
    const reading = readAll(run.events());
    await clock.run(1);
    expect((await reading).map(({ type }) => type)).toEqual(expect.arrayContaining(['run:progress', 'run:log']));
    expect(await run.settled()).toMatchObject({ result: false, progress: { done: 1, total: 2, note: null } });
  });

  it('and log lines that come after the end are dropped and counted', async () => {
    const { manager, clock } = newManager({ graceMs: 10 });
    const gate = new Gate();
    const run = await manager.start('a', async (ctx) => {
      await gate.promise;
      ctx.progress(5);
      ctx.log.info('late');
    });
    await settle();
    await run.cancel();
    await clock.run(10);
    const ended = await run.settled();
    gate.open(undefined);
    await settle();
    expect(await run.snapshot()).toEqual(ended);
    expect((await manager.counts()).dropped).toBe(3);
  });
});

describe('ctx.log', () => {
  it('becomes events and goes to the logger, cut where it is too long', async () => {
    const logger = { debug: jest.fn(), info: jest.fn(), warn: jest.fn(), error: jest.fn() };
    const { manager, clock } = newManager({ logger });
    const writes = (ctx: TaskContext) => {
      ctx.log.debug('one');
      ctx.log.error('x'.repeat(10_000));
    };
    const run = await manager.start('a', writes, { delayMs: 1 });
    const reading = readAll(run.events());
    await clock.run(1);
    const lines = (await reading).flatMap((event) => (event.type === 'run:log' ? [event] : []));
    expect(lines.map(({ level, message }) => [level, message.length])).toEqual([
      ['debug', 3],
      ['error', 8_192],
    ]);
    expect(logger.debug).toHaveBeenCalledWith(expect.objectContaining({ runId: 'a' }), 'one');
  });

  it('changes nothing where the logger throws', async () => {
    const broken = () => {
      throw new Error('disk full');
    };
    const { manager, clock } = newManager({
      concurrency: 1,
      graceMs: 10,
      logger: { debug: broken, info: broken, warn: broken, error: broken },
      onSettled: broken,
    });
    const fails = await manager.start('a', (ctx) => {
      ctx.log.info('hello');
      throw new Error('no');
    });
    expect(await fails.settled()).toMatchObject({ status: 'failed', error: { message: 'no' } });
    const gate = new Gate();
    const stuck = await manager.start('b', () => gate.promise);
    await settle();
    await stuck.cancel();
    await clock.run(10);
    expect((await stuck.settled()).abandoned).toBe(true);
    gate.open(undefined);
    expect(await (await manager.start('c', () => 'goes on')).result()).toBe('goes on');
  });
});
