import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ManagerCore } from '../../src/manager/manager-core.js';
import type { AdHocOptions, ManagerOptions, StartOptions } from '../../src/manager/manager-options.js';
import { resolveOptions } from '../../src/manager/resolve-options.js';
import { adHocTask, type AdHocFunction } from '../../src/manager/ad-hoc-functions.js';
import type { Backend } from '../../src/ports/backend.js';
import { FakeClock } from '../fake-clock.js';
import { until } from '../until.js';
import { type Delays, LATER, laterBackend } from './later-backend.js';
import { aborted, codeOf, Crowd, Gate, hang } from './workbench.js';

const made: ManagerCore[] = [];
const clocks: FakeClock[] = [];

afterEach(async () => {
  for (const core of made.splice(0)) {
    const closing = settled(core.close(0));
    await until(async () => {
      for (const clock of clocks) await clock.run(250);
      return closing.over;
    });
  }
  clocks.length = 0;
});

/** Whether a promise has settled yet. */
function settled(promise: Promise<unknown>) {
  const state = { over: false };
  const end = (): void => void (state.over = true);
  promise.then(end, end);
  return state;
}

/** A manager on a backend that answers later. */
function onLater(delays: Delays, options: ManagerOptions = {}, changes: Partial<Backend> = {}) {
  const clock = new FakeClock();
  const backend = laterBackend(delays, changes);
  const core = new ManagerCore(resolveOptions({ backend, clock, random: () => 0.5, ...options }));
  made.push(core);
  clocks.push(clock);
  const start = async (id: string, fn: AdHocFunction, { retry, hardLimitMs, ...rest }: AdHocOptions = {}) => {
    const task = adHocTask(fn, { ...(retry && { retry }), ...(hardLimitMs !== undefined && { hardLimitMs }) });
    return core.start({ task, name: null, input: undefined }, { ...rest, id } satisfies StartOptions);
  };
  /** Closes, and lets as much time pass as that takes. */
  const close = async (graceMs = 0) => {
    const closing = core.close(graceMs);
    const state = settled(closing);
    await until(async () => {
      await clock.run(50);
      return state.over;
    });
    return closing;
  };
  return { core, clock, backend, start, close };
}

describe.each(LATER)('on a backend that %s', (_what, delays) => {
  it('a function runs that was delivered before its start was answered', async () => {
    const { start } = onLater(delays);
    for (let n = 0; n < 3; n += 1) expect(await (await start('a', () => n)).result()).toBe(n);
  });

  it('a start that is refused leaves the function of the active run alone', async () => {
    const { core, clock, start } = onLater(delays);
    const mine = jest.fn((ctx: { attempt: number }) => {
      if (ctx.attempt === 1) throw new Error('again');
      return 'mine';
    });
    const other = jest.fn();
    const run = await start('a', mine, { retry: { maxAttempts: 2, initialDelayMs: 10, jitter: 'none' } });
    await until(async () => (await run.snapshot())?.status === 'retrying');
    const refused = codeOf(start('a', other));
    await clock.run(10);
    expect([await refused, await run.result(), other.mock.calls.length]).toEqual(['RUN_CONFLICT', 'mine', 0]);
    expect((await core.find('a'))?.attempt).toBe(2);
  });

  it('of starts of one id at once each runs its own function or is refused', async () => {
    const { start } = onLater(delays);
    const gate = new Gate();
    const called: number[] = [];
    const starts = [0, 1, 2].map((n) =>
      start('a', () => {
        called.push(n);
        return gate.promise;
      }),
    );
    const ends = await Promise.all(starts.map((each) => codeOf(each.then(() => 'started'))));
    expect(ends).toEqual([{ resolved: 'started' }, 'RUN_CONFLICT', 'RUN_CONFLICT']);
    await until(() => called.length > 0);
    gate.open('done');
    expect(await (await starts[0])?.result()).toBe('done');
    expect(called).toEqual([0]);
    expect(await (await start('a', () => 'next')).result()).toBe('next');
  });

  it('a cancel in the turn of the start ends the run as cancelled', async () => {
    const { core, start } = onLater(delays);
    const starting = start('a', (ctx) => aborted(ctx.signal));
    const cancelling = core.cancel('a', 'at once');
    const run = await starting;
    expect(['cancelled', 'cancelling']).toContain((await cancelling)?.status);
    expect(await run.settled()).toMatchObject({ status: 'cancelled', cancelReason: 'at once' });
  });

  it('a cancel that comes while the end is on its way changes nothing but the word for it', async () => {
    const { core, start } = onLater(delays);
    const gate = new Gate();
    const run = await start('a', () => gate.promise);
    await until(() => core.atWork === 1);
    gate.open('done');
    await gate.promise;
    const asked = await core.cancel('a', undefined);
    const ended = await run.settled();
    expect(ended).toMatchObject({ result: 'done', abandoned: false });
    expect(['completed', 'cancelled', 'cancelling']).toContain(asked?.status);
    await until(() => core.atWork === 0);
  });

  it('a handler that settles while its abandonment is being recorded frees the id', async () => {
    const { core, clock, start } = onLater(delays, { graceMs: 100 });
    const gate = new Gate();
    const run = await start('a', () => gate.promise);
    await until(() => core.atWork === 1);
    await run.cancel();
    clock.advance(100);
    gate.open('late');
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: true });
    await until(() => core.atWork === 0);
    expect(core.tally).toMatchObject({ abandoned: 0, dropped: 1 });
    expect(await (await start('a', () => 'free')).result()).toBe('free');
  });

  it('the next attempt begins when the handler of the last one has settled, also while its end is being recorded', async () => {
    const { core, clock, start } = onLater(delays);
    const gates = [new Gate(), new Gate()];
    const crowd = { atWork: 0, most: 0 };
    const handler = async (ctx: { attempt: number }) => {
      crowd.most = Math.max(crowd.most, (crowd.atWork += 1));
      await gates[ctx.attempt - 1]?.promise;
      crowd.atWork -= 1;
      return ctx.attempt;
    };
    const retry = { maxAttempts: 2, initialDelayMs: 10, jitter: 'none' } as const;
    const run = await start('a', handler, { hardLimitMs: 100, retry });
    await until(() => crowd.atWork === 1);
    clock.advance(100);
    gates[0]?.open(undefined);
    gates[1]?.open(undefined);
    await until(async () => {
      await clock.run(10);
      return (await run.snapshot())?.status === 'completed';
    });
    expect(await run.settled()).toMatchObject({ result: 2, attempt: 2, abandoned: false });
    expect([crowd.most, core.tally.abandoned]).toEqual([1, 0]);
  });

  it('a limit is a limit', async () => {
    const { core, clock, start } = onLater(delays, { concurrency: 2 });
    const crowd = new Crowd();
    const runs = await Promise.all(Array.from({ length: 10 }, (_, n) => start(`run-${n}`, crowd.handler)));
    await until(async () => {
      await crowd.leave(clock);
      return (await Promise.all(runs.map((run) => run.snapshot()))).every((run) => run?.status === 'completed');
    });
    expect(crowd.most).toBe(2);
    await until(() => core.atWork === 0);
  });

  it('a replacing takes the place of the run that it ends', async () => {
    const { core, start } = onLater(delays);
    const first = await start('a', (ctx) => aborted(ctx.signal));
    await until(() => core.atWork === 1);
    const second = await start('a', () => 'second', { ifActive: 'replace' });
    expect(await second.result()).toBe('second');
    expect(await first.settled()).toMatchObject({ status: 'cancelled', cancelReason: 'replaced' });
  });

  it('a key gives the run of the first start to all that come with it', async () => {
    const { start } = onLater(delays);
    const called = jest.fn();
    const options = { idempotencyKey: 'k' };
    const runs = await Promise.all([1, 2, 3].map(() => start('a', called, options)));
    expect(runs.map(({ replayed }) => replayed)).toEqual([false, true, true]);
    await Promise.all(runs.map((run) => run.settled()));
    expect(called).toHaveBeenCalledTimes(1);
  });

  it('a handle follows, cancels and reads the events of a run by its id', async () => {
    const { core, start } = onLater(delays);
    await start('a', (ctx) => aborted(ctx.signal));
    const handle = core.handle('a');
    const types: string[] = [];
    const reading = (async () => {
      for await (const { type } of handle.events()) types.push(type);
    })();
    await until(() => core.atWork === 1 && types.length > 0);
    await handle.cancel('enough');
    expect(await codeOf(handle.result())).toBe('RUN_CANCELLED');
    await reading;
    expect([types[0], types.at(-1)]).toEqual(['run:snapshot', 'run:cancelled']);
    expect(await codeOf(core.handle('b').settled())).toBe('RUN_NOT_FOUND');
  });

  it('close waits for what is being recorded, and closes the backend last', async () => {
    const { core, backend, start, close } = onLater(delays);
    const gate = new Gate();
    const run = await start('a', () => gate.promise);
    await until(() => core.atWork === 1);
    gate.open('done');
    await gate.promise;
    const report = await close();
    expect(report).toEqual({ completed: 1, interrupted: 0, waiting: 0, abandoned: 0 });
    expect(backend.done.slice(backend.done.indexOf('settle')).at(-1)).toBe('close');
    expect(await run.result()).toBe('done');
  });

  it('close reports what it stopped, what waited, and what is still at work', async () => {
    const { core, backend, start, close } = onLater(delays, { concurrency: 3 });
    const ends = new Gate();
    const runs = await Promise.all([
      start('ends', () => ends.promise),
      start('stops', (ctx) => aborted(ctx.signal)),
      start('stays', hang),
    ]);
    await until(() => core.atWork === 3);
    const waits = await start('waits', () => 1);
    const closing = close(1_000);
    ends.open('done');
    expect(await closing).toEqual({ completed: 1, interrupted: 2, waiting: 1, abandoned: 1 });
    const statuses = await Promise.all([...runs, waits].map(async (run) => (await run.settled()).status));
    expect(statuses).toEqual(['completed', 'failed', 'failed', 'cancelled']);
    expect(backend.done.filter((call) => call === 'settle')).toHaveLength(3);
    expect(backend.done.at(-1)).toBe('close');
    expect(await codeOf(start('late', () => 1))).toBe('MANAGER_CLOSED');
  });

  it('close counts once what waits where waiting runs are kept', async () => {
    const { core, start, close } = onLater(delays, {}, { durable: true, retire: () => 2 });
    const gate = new Gate();
    const retry = { maxAttempts: 2, initialDelayMs: 10_000, jitter: 'none' } as const;
    await start('a', () => gate.promise, { retry });
    await until(() => core.atWork === 1);
    const closing = close(1_000);
    gate.fail(new Error('again'));
    expect(await closing).toEqual({ completed: 0, interrupted: 0, waiting: 3, abandoned: 0 });
  });

  it('close waits for the release of a handler that settled late', async () => {
    const { core, clock, backend, start, close } = onLater(delays, { graceMs: 100 });
    const gate = new Gate();
    const run = await start('a', () => gate.promise);
    await until(() => core.atWork === 1);
    await run.cancel();
    clock.advance(100);
    await run.settled();
    gate.open('late');
    await gate.promise;
    expect(await close()).toMatchObject({ abandoned: 0 });
    expect(backend.done.slice(-3)).toEqual(expect.arrayContaining(['release', 'retire', 'close']));
    expect(backend.done.at(-1)).toBe('close');
  });

  it('an opening that failed can be tried again, and a manager that never opened can be closed', async () => {
    let broken = true;
    const open = () => {
      if (broken) throw new Error('locked');
    };
    const { core, start, close } = onLater(delays, {}, { open });
    expect([await codeOf(start('a', () => 1)), await codeOf(start('b', () => 1))]).toEqual(['Error', 'Error']);
    expect(await close()).toEqual({ completed: 0, interrupted: 0, waiting: 0, abandoned: 0 });
    broken = false;
    expect(core.closing).toBe(true);
  });
});

describe('a backend that never answers', () => {
  it('does not keep close waiting for longer than a second after the grace', async () => {
    const { core, clock, backend, start } = onLater({ actsAfter: 1, answersAfter: 0 });
    await start('a', () => 1);
    let asked = false;
    backend.settle = () => {
      asked = true;
      return hang();
    };
    await start('b', () => 1);
    await until(() => asked);
    const closing = settled(core.close(1_000));
    await until(async () => {
      await clock.run(10);
      return closing.over;
    });
    expect(clock.monotonic()).toBeLessThanOrEqual(2_000);
  });
});
