import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { defineTask, type ManagerOptions, memory, sleep, TaskError } from 'errand';
import { sqlite } from 'errand/sqlite';
import {
  createTestManager,
  LeakError,
  type TestManager,
  type TestManagerOptions,
  UnsettledError,
} from 'errand/testing';
import { aborted, codeOf, hang } from '../manager/workbench.js';
import { temporaryFolders } from '../temporary-folder.js';

const makeFolder = temporaryFolders();
const made: TestManager[] = [];

/** Closed after the test, whatever it left. */
function newTest(options?: TestManagerOptions): TestManager {
  const test = createTestManager(options);
  made.push(test);
  return test;
}

afterEach(async () => {
  for (const test of made.splice(0)) await test.close({ checkLeaks: false }).catch(() => undefined);
});

/** What a close finds. */
async function leaksOf(test: TestManager): Promise<readonly string[]> {
  const error: unknown = await test.close().catch((thrown: unknown) => thrown);
  return error instanceof LeakError ? error.leaks : [];
}

const echo = defineTask({ name: 'echo', handler: (input: unknown) => input });

describe('settleAll', () => {
  it('moves the clock over delays, retries, rates and time limits, each to its time', async () => {
    const test = newTest();
    const begun: unknown[] = [];
    const note = (name: string) => begun.push([name, test.clock.monotonic()]);
    const flaky = defineTask({
      name: 'flaky',
      retry: { maxAttempts: 3, initialDelayMs: 100, factor: 2, jitter: 'full' },
      handler: () => {
        note('flaky');
        throw new Error('again');
      },
    });
    const paced = defineTask({
      name: 'paced',
      limits: { rate: { count: 1, perMs: 1_000 } },
      handler: () => void note('paced'),
    });
    const stuck = defineTask({
      name: 'stuck',
      limits: { softLimitMs: 5_000 },
      handler: (_: unknown, { signal }) => aborted(signal),
    });
    const deaf = defineTask({ name: 'deaf', limits: { hardLimitMs: 7_000 }, handler: hang });
    const runs = [
      await test.manager.start(flaky, undefined),
      await test.manager.start(paced, undefined),
      await test.manager.start(paced, undefined),
      await test.manager.start(stuck, undefined),
      await test.manager.start(deaf, undefined),
      await test.manager.start(echo, 1, { delayMs: 86_400_000 }),
    ];
    await test.settleAll();
    const ended = await Promise.all(runs.map((run) => run.settled()));
    expect(ended.map(({ status, error }) => error?.code ?? status)).toEqual([
      'HANDLER_FAILED',
      'completed',
      'completed',
      'TIME_LIMIT',
      'TIME_LIMIT',
      'completed',
    ]);
    // Jitter draws the middle.
    expect(begun).toEqual([
      ['flaky', 0],
      ['paced', 0],
      ['flaky', 50],
      ['flaky', 150],
      ['paced', 1_000],
    ]);
    expect(test.clock.monotonic()).toBe(86_400_000);
  });

  it('waits for the grace of a cancelled handler, and for runs that others start', async () => {
    const test = newTest({ graceMs: 3_000 });
    const run = await test.manager.start('deaf', hang);
    const parent = await test.manager.start('parent', () => void test.manager.start('child', () => 1, { delayMs: 10 }));
    await test.advance(0);
    await run.cancel();
    await test.settleAll();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: true });
    expect(await test.manager.get('child')).toMatchObject({ status: 'completed' });
    expect(await parent.settled()).toMatchObject({ status: 'completed' });
    expect(test.clock.monotonic()).toBe(3_000);
  });

  it('lets handlers that read files or wait for real timers end before it moves the clock', async () => {
    const test = newTest();
    const run = await test.manager.start(
      'real',
      async ({ signal }) => {
        for (let n = 0; n < 20; n += 1) await readFile(import.meta.filename, { signal });
        await sleep(20, { signal });
        return 'read';
      },
      { softLimitMs: 1 },
    );
    await test.settleAll();
    expect(await run.result()).toBe('read');
    expect(test.clock.monotonic()).toBe(0);
  });

  it('drives what sleeps by its clock', async () => {
    const test = newTest();
    const run = await test.manager.start('asleep', () => sleep(3_600_000, { clock: test.clock }));
    await test.settleAll();
    expect((await run.settled()).finishedAt).toBe(test.clock.now());
    expect(test.clock.monotonic()).toBe(3_600_000);
  });

  it('names the runs that do not end, and says why', async () => {
    const test = newTest({ tasks: [echo], concurrency: 1 });
    await test.manager.queues.pause('later');
    await test.manager.start('paused', () => 1, { queue: 'later' });
    await test.manager.start('hangs', hang);
    await test.advance(0);
    await test.manager.start(echo, 1, { id: 'behind' });
    const error = await test.settleAll().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnsettledError);
    expect((error as UnsettledError).runs.map(({ id }) => id)).toEqual(['paused', 'hangs', 'behind']);
    expect((error as UnsettledError).message).toBe(
      [
        'Runs do not end, whatever time passes:',
        '- run paused (ad-hoc function) is queued: the queue later is paused',
        '- run hangs (ad-hoc function) is running: its handler is at work, in attempt 1, and nothing wakes it',
        '- run behind (echo) is queued: no slot is free for its task, or nobody has registered that',
      ].join('\n'),
    );
  });

  it('gives up at its limits', async () => {
    const test = newTest();
    await test.manager.start('late', () => 1, { delayMs: 2_000 });
    await expect(test.settleAll({ maxMs: 1_999 })).rejects.toThrow(
      /within maxMs of the clock:\n- run late .* is scheduled, due at 2026-01-01T00:00:02.000Z$/,
    );
    expect(test.clock.monotonic()).toBe(0);
    await expect(test.settleAll({ maxSteps: 0 })).rejects.toThrow(UnsettledError);
    await expect(test.settleAll({ maxMs: -1 })).rejects.toThrow(RangeError);
    await test.settleAll({ maxMs: 2_000, maxSteps: 1 });
    expect(await test.manager.get('late')).toMatchObject({ status: 'completed' });
  });
});

describe('advance', () => {
  it('lets exactly this time pass, and everything happen that is due within it', async () => {
    const test = newTest({ now: 1_000 });
    await test.manager.start('soon', () => 1, { delayMs: 10 });
    await test.manager.start('late', () => 1, { delayMs: 11 });
    await test.advance(10);
    expect(await test.manager.get('soon')).toMatchObject({ status: 'completed', finishedAt: 1_010 });
    expect(await test.manager.get('late')).toMatchObject({ status: 'scheduled' });
    expect([test.clock.now(), test.clock.monotonic()]).toEqual([1_010, 10]);
    await expect(test.advance(-1)).rejects.toThrow(RangeError);
  });

  it('lets retention go by', async () => {
    const test = newTest({ tasks: [echo], retention: { keepResultMs: 60_000 } });
    await test.manager.start(echo, 1, { id: 'a' });
    await test.advance(59_999);
    expect(await test.manager.get('a')).toBeDefined();
    await test.advance(1);
    expect(await test.manager.get('a')).toBeUndefined();
  });
});

describe("mode: 'step'", () => {
  it('holds every run until the test lets it begin, and then one by one, in order', async () => {
    const test = newTest({ tasks: [echo], mode: 'step' });
    for (const id of ['a', 'b', 'c']) await test.manager.start(echo, id, { id });
    await test.advance(60_000);
    expect((await test.manager.counts()).total).toMatchObject({ queued: 3 });
    expect(await test.runNext()).toMatchObject({ id: 'a', status: 'completed', result: 'a' });
    expect((await test.manager.counts()).total).toMatchObject({ queued: 2, completed: 1 });
    expect((await test.runAll()).map(({ id, status }) => [id, status])).toEqual([
      ['b', 'completed'],
      ['c', 'completed'],
    ]);
    expect([await test.runNext(), await test.runAll()]).toEqual([undefined, []]);
  });

  it('shows a run as far as it comes: at work, or waiting for its next attempt', async () => {
    const test = newTest({ mode: 'step' });
    await test.manager.start('hangs', hang);
    await test.manager.start(
      'fails',
      () => {
        throw new Error('again');
      },
      { retry: { maxAttempts: 2, initialDelayMs: 10, jitter: 'none' } },
    );
    expect(await test.runNext()).toMatchObject({ id: 'hangs', status: 'running' });
    expect(await test.runNext()).toMatchObject({ id: 'fails', status: 'retrying', attempt: 1 });
    expect(await test.runNext()).toBeUndefined();
    await test.advance(10);
    expect(await test.runNext()).toMatchObject({ id: 'fails', status: 'failed', attempt: 2 });
  });

  it('keeps limits, pauses and priorities as they are', async () => {
    const test = newTest({ mode: 'step', concurrency: 1 });
    await test.manager.queues.pause('quiet');
    await test.manager.start('paused', () => 1, { queue: 'quiet', priority: 9 });
    await test.manager.start('low', () => 1);
    await test.manager.start('high', hang, { priority: 1 });
    expect((await test.runAll()).map(({ id }) => id)).toEqual(['high']);
  });

  it('settles all that it holds, and holds again what comes after', async () => {
    const test = newTest({ mode: 'step', tasks: [echo] });
    await test.manager.start(echo, 1, { id: 'a', delayMs: 10 });
    await test.settleAll();
    expect(await test.manager.get('a')).toMatchObject({ status: 'completed' });
    await test.manager.start(echo, 1, { id: 'b' });
    await test.advance(10);
    expect(await test.manager.get('b')).toMatchObject({ status: 'queued' });
  });

  it('has to be asked for', async () => {
    const test = newTest();
    await expect(test.runNext()).rejects.toThrow("mode: 'step'");
    await expect(test.runAll()).rejects.toThrow("mode: 'step'");
    expect(() => createTestManager({ mode: 'slow' as 'step' })).toThrow(RangeError);
    expect(() => createTestManager({ now: NaN })).toThrow(RangeError);
    expect(() => createTestManager({ clock: test.clock } as ManagerOptions)).toThrow(TypeError);
    expect(() => createTestManager({ speed: 2 } as TestManagerOptions)).toThrow(TypeError);
  });
});

describe('what goes in and comes out', () => {
  it('is written and read: what the codec keeps comes back, and belongs to nobody else', async () => {
    const seen: unknown[] = [];
    const input = { at: new Date(5), n: 5n, deep: [1] };
    const test = newTest();
    const task = defineTask({
      name: 'changes',
      retry: { maxAttempts: 2, jitter: 'none' },
      handler: (given: typeof input, { attempt }) => {
        seen.push(structuredClone(given));
        given.deep.push(2);
        if (attempt === 1) throw new Error('again');
        return given;
      },
    });
    const run = await test.manager.start(task, input);
    input.deep.push(9);
    await test.settleAll();
    const first = { at: new Date(5), n: 5n, deep: [1] };
    expect(seen).toEqual([first, first]);
    expect(await run.result()).toEqual({ at: new Date(5), n: 5n, deep: [1, 2] });
    expect(input.deep).toEqual([1, 9]);
  });

  it('is refused at the start, or fails the run, where it cannot be stored', async () => {
    const test = newTest({ tasks: [echo] });
    const refused = test.manager.start(echo, new Map());
    await expect(refused).rejects.toBeInstanceOf(TaskError);
    await expect(refused).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    const run = await test.manager.start('map', () => new Map());
    await test.settleAll();
    expect(await codeOf(run.result())).toBe('RESULT_INVALID');
  });

  it('shows an error as it is read from a file, but with its stack', async () => {
    class OutOfStock extends Error {
      override readonly name = 'OutOfStock';
      readonly code = 'E_STOCK';
      readonly shelf = 7;
    }
    const test = newTest();
    const run = await test.manager.start('fails', () => {
      throw new OutOfStock('no more tea', { cause: new Error('a flood') });
    });
    await test.settleAll();
    const error = await run.result().catch((thrown: unknown) => thrown as Error);
    const cause = error.cause as OutOfStock;
    expect(cause).toMatchObject({
      name: 'OutOfStock',
      message: 'no more tea',
      code: 'E_STOCK',
      cause: { message: 'a flood' },
    });
    expect([cause instanceof OutOfStock, 'shelf' in cause]).toEqual([false, false]);
    expect(cause.stack).toContain(import.meta.filename);
  });

  it('is the same on a file', async () => {
    const file = join(await makeFolder(), 'errand.db');
    const test = newTest({ tasks: [echo], backend: sqlite({ file }), mode: 'step' });
    const run = await test.manager.start(echo, { at: new Date(5) }, { delayMs: 60_000 });
    await expect(test.manager.start(echo, new Map())).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(await test.runNext()).toBeUndefined();
    await test.settleAll();
    expect(await run.result()).toEqual({ at: new Date(5) });
    expect(await leaksOf(test)).toEqual([]);
  });

  it('goes by a backend of the test when one is given', async () => {
    const test = newTest({ backend: memory({ maxBytes: 10 }) });
    await expect(test.manager.start(echo, 'x'.repeat(100))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  });
});

describe('close', () => {
  it('finds nothing where nothing was left, also where nothing was begun', async () => {
    expect(await leaksOf(newTest())).toEqual([]);
    const test = newTest({ tasks: [echo] });
    const events = test.manager.events();
    await test.manager.start(echo, 1, { idempotencyKey: 'k' });
    await test.settleAll();
    await events[Symbol.asyncIterator]().return?.();
    expect(await leaksOf(test)).toEqual([]);
  });

  it('names runs that have not ended', async () => {
    const test = newTest();
    await test.manager.start('later', () => 1, { delayMs: 1_000 });
    await test.manager.start('hangs', hang);
    expect(await leaksOf(test)).toEqual([
      'run later (ad-hoc function) is scheduled, due at 2026-01-01T00:00:01.000Z',
      'run hangs (ad-hoc function) is running: its handler is at work, in attempt 1, and nothing wakes it',
    ]);
  });

  it('names handlers that are at work after their runs have ended', async () => {
    const test = newTest();
    await test.manager.start('deaf', hang, { hardLimitMs: 10 });
    await test.settleAll();
    expect(await leaksOf(test)).toEqual(['a handler of run deaf (ad-hoc function) is still at work']);
  });

  it('names streams of events that nobody ended', async () => {
    const test = newTest();
    test.manager.events();
    expect(await leaksOf(test)).toEqual(['1 × a stream of events that was not ended']);
  });

  it('names timers on the clock', async () => {
    const test = newTest();
    test.clock.after(5, () => undefined);
    expect(await leaksOf(test)).toEqual(['a timer on the clock']);
  });

  it('names what else keeps the process up, and was not there before', async () => {
    const before = createServer().listen(0);
    const test = newTest();
    const server = createServer();
    const timers: NodeJS.Timeout[] = [];
    await test.manager.start('listen', () => {
      server.listen(0);
      timers.push(
        setInterval(() => undefined, 60_000),
        setInterval(() => undefined, 60_000).unref(),
      );
    });
    await test.settleAll();
    expect(await leaksOf(test)).toEqual([
      '1 × a timer that a handler has set keeps the process up',
      '1 × TCPServerWrap keeps the process up',
    ]);
    for (const timer of timers) clearInterval(timer);
    for (const each of [before, server]) each.close();
  });

  it('closes all the same, once', async () => {
    const test = newTest();
    await test.manager.start('hangs', hang);
    const closing = test.close();
    expect(test.close()).toBe(closing);
    await expect(closing).rejects.toThrow('The test has left behind:\n- run hangs');
    await expect(test.manager.start('more', () => 1)).rejects.toMatchObject({ code: 'MANAGER_CLOSED' });
  });

  it('only closes where the test says so', async () => {
    const test = newTest();
    await test.manager.start('hangs', hang);
    await test.close({ checkLeaks: false });
    expect(await test.manager.get('hangs')).toMatchObject({ status: 'failed', error: { code: 'RUN_INTERRUPTED' } });
  });
});
