import { describe, expect, it } from '@jest/globals';
import { memoryBackend } from '../../src/backends/memory/memory-backend.js';
import type { TaskManager } from '../../src/manager/task-manager.js';
import type { Backend } from '../../src/ports/backend.js';
import type { StreamedEvent } from '../../src/task/run-event.js';
import { TRANSITIONS } from '../../src/task/status.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { type FakeClock, settle } from '../fake-clock.js';
import { closeNow, codeOf, hang, newManager, readAll } from './workbench.js';

/** A stream that is read, and what can end it. */
interface Reading {
  readonly manager: TaskManager;
  readonly clock: FakeClock;
  readonly abort: AbortController;
  readonly iterator: AsyncIterator<StreamedEvent>;
}

describe('run.events()', () => {
  it('begins with the present state, tells everything that happens, and ends after the final event', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start(
      'a',
      (ctx) => {
        ctx.progress(1, 2);
        ctx.log.info('half');
        if (ctx.attempt === 1) throw new Error('again');
      },
      { delayMs: 10, retry: { maxAttempts: 2, initialDelayMs: 10 } },
    );
    const reading = readAll(run.events());
    await clock.run(1_000);
    const events = await reading;
    const steps = [
      'snapshot',
      'queued',
      'started',
      'progress',
      'log',
      'retrying',
      'queued',
      'started',
      'progress',
      'log',
    ];
    expect(events.map(({ type }) => type)).toEqual([...steps, 'completed'].map((step) => `run:${step}`));
    expect(events[0]).toMatchObject({ status: 'scheduled', run: { id: 'a', status: 'scheduled' } });
    const numbers = events.map((event) => ('seq' in event ? event.seq : NaN));
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers.at(-1)).toBe((await run.settled()).version);
  });

  it('subscribes when it is called, not when it is read', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', () => 1, { delayMs: 1 });
    const stream = run.events();
    await clock.run(1);
    const types = (await readAll(stream)).map(({ type }) => type);
    expect(types).toEqual(['run:snapshot', 'run:queued', 'run:started', 'run:completed']);
  });

  it('tells of an ended run once, without its result, and ends', async () => {
    const { manager } = newManager();
    const run = await manager.start('a', () => ({ big: 'result' }));
    await run.settled();
    const events = await readAll(run.events());
    expect(events).toMatchObject([{ type: 'run:snapshot', run: { status: 'completed' } }]);
    expect(JSON.stringify(events)).not.toContain('result":');
  });

  it('never holds anything that is no JSON', async () => {
    const { manager } = newManager();
    const run = await manager.start('a', () => Promise.reject(new Error('a value')));
    const events = await readAll(run.events());
    expect(JSON.parse(JSON.stringify(events))).toEqual(events);
  });

  it('follows the table of transitions', async () => {
    const { manager, clock } = newManager({ graceMs: 10 });
    const run = await manager.start('a', hang);
    const reading = readAll(run.events());
    await settle();
    await run.cancel();
    await clock.run(10);
    const statuses = (await reading).map((event) => ('status' in event ? event.status : 'queued'));
    for (const [at, status] of statuses.slice(1).entries()) {
      const before = statuses[at] ?? status;
      expect([before, ...TRANSITIONS[before]]).toContain(status);
    }
  });

  it('rejects the first read where there is no such run, and nobody else hears of it', async () => {
    const { manager } = newManager();
    const unread = manager.events({ id: 'nobody' });
    await settle();
    expect(await codeOf(readAll(unread))).toBe('RUN_NOT_FOUND');
    expect(await readAll(unread)).toEqual([]);
  });
});

describe('manager.events()', () => {
  it('tells of all runs from the call on', async () => {
    const { manager, clock } = newManager();
    await (await manager.start('before', () => 1)).settled();
    const stream = manager.events();
    await Promise.all([manager.start('a', () => 1), manager.start('b', () => 1)]);
    await clock.run(0);
    const closing = manager.close();
    const told = (await readAll(stream)).map((event) => ('runId' in event ? `${event.runId} ${event.type}` : ''));
    await closing;
    expect(told).toEqual([
      'a run:queued',
      'b run:queued',
      'a run:started',
      'a run:completed',
      'b run:started',
      'b run:completed',
    ]);
  });

  it('ends when its signal aborts, also one that has', async () => {
    const { manager } = newManager();
    const controller = new AbortController();
    const reading = readAll(manager.events({ signal: controller.signal }));
    await settle();
    controller.abort();
    expect(await reading).toEqual([]);
    expect(await readAll(manager.events({ signal: controller.signal }))).toEqual([]);
    expect(await readAll(manager.events({ id: 'a', signal: controller.signal }))).toEqual([]);
  });

  it('stops when its reader leaves', async () => {
    const { manager } = newManager();
    const seen = [];
    const stream = manager.events();
    const run = await manager.start('a', (ctx) => {
      for (let n = 0; n < 5; n += 1) ctx.log.info(`${n}`);
    });
    for await (const event of stream) if (seen.push(event.type) === 2) break;
    await run.settled();
    expect(seen).toHaveLength(2);
    expect(await stream[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
  });

  it.each<[string, (reading: Reading) => unknown]>([
    ['its run has ended', async ({ manager }) => manager.cancel('a')],
    ['its signal aborts', ({ abort }) => abort.abort()],
    ['its reader leaves', ({ iterator }) => iterator.return?.()],
    ['the manager closes', ({ manager, clock }) => closeNow(manager, clock)],
  ])('asks the backend for no more events when %s', async (_when, end) => {
    const backend = memoryBackend();
    const subscribe = backend.subscribe.bind(backend);
    let open = 0;
    const counted: Backend['subscribe'] = (...args) => {
      const unsubscribe = subscribe(...args);
      open += 1;
      return () => {
        open -= 1;
        unsubscribe();
      };
    };
    const { manager, clock } = newManager({ backend: Object.assign(backend, { subscribe: counted }) });
    await manager.start('a', () => 1, { delayMs: 1_000 });
    const abort = new AbortController();
    const iterator = manager.events({ id: 'a', signal: abort.signal })[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject({ type: 'run:snapshot' });
    expect(open).toBe(1);
    await end({ manager, clock, abort, iterator });
    expect(open).toBe(0);
  });

  it('serves several reads at once in order', async () => {
    const { manager } = newManager();
    const stream = manager.events()[Symbol.asyncIterator]();
    const reads = [stream.next(), stream.next(), stream.next()];
    await (await manager.start('a', () => 1)).settled();
    const types = (await Promise.all(reads)).map(({ value }) => (value as { type: string }).type);
    expect(types).toEqual(['run:queued', 'run:started', 'run:completed']);
  });
});

describe('a reader more than 1,000 events behind', () => {
  it('gets one gap that says how many it missed, and goes on to the end', async () => {
    const { manager, clock } = newManager();
    const lines = (ctx: TaskContext) => {
      for (let n = 0; n < 3_500; n += 1) ctx.log.info(`${n}`);
    };
    const run = await manager.start('a', lines, { delayMs: 1 });
    const stream = run.events();
    await clock.run(1);
    const events = await readAll(stream);
    const gaps = events.filter((event) => event.type === 'run:gap');
    expect(gaps).toHaveLength(1);
    expect(events[0]?.type).toBe('run:gap');
    // A snapshot, the queueing, the start, 3,500 lines and the end were told.
    expect((gaps[0]?.missed ?? 0) + events.length - 1).toBe(3_504);
    expect(events.length).toBeLessThanOrEqual(1_001);
    expect(events.at(-1)?.type).toBe('run:completed');
  });

  it.each([
    [1_000, 0],
    [1_001, 1_000],
  ])('misses, of %i unread events, %i', async (told, missed) => {
    const { manager, clock } = newManager();
    // A snapshot, the queueing, the start and the end are told beside the lines.
    const lines = (ctx: TaskContext) => {
      for (let n = 0; n < told - 4; n += 1) ctx.log.info(`${n}`);
    };
    const run = await manager.start('a', lines, { delayMs: 1 });
    const stream = run.events();
    await clock.run(1);
    const events = await readAll(stream);
    const [first] = events;
    expect(first).toMatchObject(missed === 0 ? { type: 'run:snapshot' } : { type: 'run:gap', missed });
    expect(events).toHaveLength(missed === 0 ? told : told - missed + 1);
  });

  it('disturbs no other reader', async () => {
    const { manager, clock } = newManager();
    const lines = async (ctx: TaskContext) => {
      for (let n = 0; n < 1_500; n += 1) {
        ctx.log.info(`${n}`);
        if (n % 500 === 0) await settle();
      }
    };
    const run = await manager.start('a', lines, { delayMs: 1 });
    const slow = run.events();
    const reading = readAll(run.events());
    await clock.run(1);
    const fast = await reading;
    expect(fast.filter(({ type }) => type === 'run:log')).toHaveLength(1_500);
    expect(fast.some(({ type }) => type === 'run:gap')).toBe(false);
    expect((await readAll(slow))[0]?.type).toBe('run:gap');
  });
});
