import { describe, expect, it, jest } from '@jest/globals';
import { MessageChannel } from 'node:worker_threads';
import { runInThisContext } from 'node:vm';
import { BatchProcessor } from '../../src/batch/batch-processor.js';
import type { ItemContext } from '../../src/batch/batch-item.js';
import type { BatchProgress } from '../../src/batch/outcome.js';
import { settle } from '../fake-clock.js';
import { CountingSource, HeldHandler, rejection } from './probe.js';

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

describe('process', () => {
  describe('outcomes', () => {
    it('are in the order of the source, whichever item ends first', async () => {
      const work = new HeldHandler<string>();
      const result = new BatchProcessor().process(['a', 'b', 'c'], work.handler);
      await work.finish('c', 3);
      await work.finish('a', 1);
      await work.fail('b', 'no');
      expect(await result).toEqual({
        total: 3,
        succeeded: 2,
        failed: 1,
        cancelled: 0,
        outcomes: [
          { index: 0, item: 'a', status: 'succeeded', value: 1, attempts: 1 },
          { index: 1, item: 'b', status: 'failed', error: 'no', attempts: 1 },
          { index: 2, item: 'c', status: 'succeeded', value: 3, attempts: 1 },
        ],
      });
    });

    it.each([
      ['all', [0, 1, 2, 3]],
      ['failed', [1, 3]],
      ['none', []],
    ] as const)("keep: '%s' keeps those it names and counts them all", async (keep, kept) => {
      const odd = (n: number): void => {
        if (n % 2 === 1) throw new Error('odd');
      };
      const result = await new BatchProcessor().process(range(4), odd, { keep });
      expect(result).toMatchObject({ total: 4, succeeded: 2, failed: 2, cancelled: 0 });
      expect(result.outcomes.map(({ index }) => index)).toEqual(kept);
    });

    it('of no items are none', async () => {
      expect(await new BatchProcessor().process([], () => 1)).toEqual({
        total: 0,
        succeeded: 0,
        failed: 0,
        cancelled: 0,
        outcomes: [],
      });
    });
  });

  describe('a hostile handler', () => {
    const throwing = (thrown: unknown) => (): never => {
      throw thrown;
    };
    const thenables: Record<string, () => unknown> = {
      'throws null': throwing(null),
      'throws undefined': throwing(undefined),
      'rejects with nothing': async () => throwing(undefined)(),
      'returns an object whose then is a getter that throws': () =>
        Object.defineProperty({}, 'then', { get: throwing('then') }),
      'returns a thenable that throws': () => ({ then: throwing('no') }),
      'returns a thenable that rejects twice': () => ({
        then: (_: unknown, reject: (error: string) => void) => {
          reject('once');
          reject('twice');
        },
      }),
    };

    it.each(Object.entries(thenables))('that %s fails its own item only', async (_, hostile) => {
      const result = await new BatchProcessor().process([1, 2, 3], (n): unknown => (n === 2 ? hostile() : n));
      expect(result.outcomes.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'succeeded']);
    });

    it('never leaves an unhandled rejection', async () => {
      // One would fail this test: jest listens for them itself.
      for (const hostile of Object.values(thenables)) await new BatchProcessor().process([1, 2], hostile);
      await settle();
    });
  });

  describe('maxConcurrent', () => {
    it('is reached and never passed', async () => {
      const work = new HeldHandler<number>();
      const result = new BatchProcessor({ maxConcurrent: 3 }).process(range(10), work.handler);
      await work.untilBegun(2);
      await settle();
      expect(work.begun).toEqual([0, 1, 2]);
      for (const n of range(10)) await work.finish(n);
      await result;
      expect(work.most).toBe(3);
    });

    it('lets the others go on past a slow item', async () => {
      const work = new HeldHandler<number>();
      const result = new BatchProcessor({ maxConcurrent: 2, batchSize: 3 }).process(range(50), work.handler);
      for (const n of range(50).slice(1)) await work.finish(n);
      expect([...work.held.keys()]).toEqual([0]);
      await work.finish(0);
      expect(await result).toMatchObject({ succeeded: 50 });
    });

    it('holds over all calls on one processor, and both move', async () => {
      const processor = new BatchProcessor({ maxConcurrent: 2, batchSize: 3 });
      const work = new HeldHandler<string>();
      const a = processor.process(
        range(20).map((n) => `a${n}`),
        work.handler,
      );
      await work.untilBegun('a1');
      const b = processor.process(
        range(20).map((n) => `b${n}`),
        work.handler,
      );
      for (let finished = 0; finished < 20; finished += 1) {
        const [next = ''] = work.held.keys();
        await work.finish(next);
        await settle();
      }
      const ofB = work.begun.filter((item) => item.startsWith('b')).length;
      expect(ofB).toBeGreaterThan(6);
      expect(ofB).toBeLessThan(14);
      while (work.begun.length < 40 || work.held.size > 0) {
        for (const item of [...work.held.keys()]) await work.finish(item);
        await settle();
      }
      expect([(await a).succeeded, (await b).succeeded, work.most]).toEqual([20, 20, 2]);
    });

    it('lets a call that came later begin after one batch of the first', async () => {
      const processor = new BatchProcessor({ maxConcurrent: 1, batchSize: 4 });
      const begun: string[] = [];
      const note = async (item: string): Promise<number> => begun.push(item);
      await Promise.all([
        processor.process(Array<string>(8).fill('a'), note),
        processor.process(Array<string>(8).fill('b'), note),
      ]);
      expect(begun.join('')).toBe('aaaabbbbaaaabbbb');
    });
  });

  describe('an abort', () => {
    it('reaches items at work with its reason: one that returns succeeded, one that throws is cancelled', async () => {
      const controller = new AbortController();
      const work = new HeldHandler<number>();
      const { signal } = controller;
      const result = new BatchProcessor({ maxConcurrent: 2 }).process(range(4), work.handler, { signal });
      const [first, second] = [await work.untilBegun(0), await work.untilBegun(1)];
      const seen = first.ctx.signal;
      controller.abort('enough');
      expect([seen.aborted, seen.reason, second.ctx.signal.reason]).toEqual([true, 'enough', 'enough']);
      first.resolve('done');
      second.reject('broken off');
      expect((await result).outcomes).toEqual([
        { index: 0, item: 0, status: 'succeeded', value: 'done', attempts: 1 },
        { index: 1, item: 1, status: 'cancelled', error: 'broken off', attempts: 1 },
        { index: 2, item: 2, status: 'cancelled', error: 'enough', attempts: 0 },
        { index: 3, item: 3, status: 'cancelled', error: 'enough', attempts: 0 },
      ]);
    });

    it('before the call cancels a whole array and pulls nothing of an iterable', async () => {
      const handler = jest.fn();
      const signal = AbortSignal.abort();
      const source = new CountingSource();
      const processor = new BatchProcessor();
      expect(await processor.process(range(3), handler, { signal })).toMatchObject({ total: 3, cancelled: 3 });
      expect(await processor.process(source, handler, { signal })).toMatchObject({ total: 0, cancelled: 0 });
      expect([source.pulled, handler.mock.calls.length]).toEqual([0, 0]);
    });

    it('from within a handler that does nothing but synchronous work ends an infinite source', async () => {
      const controller = new AbortController();
      const source = new CountingSource();
      const stopAt = (n: number): void => (n === 999 ? controller.abort() : undefined);
      const result = await new BatchProcessor().process(source, stopAt, { signal: controller.signal });
      expect(result).toMatchObject({ total: 1_000, succeeded: 1_000 });
      expect(source.closed).toBe(1);
    });

    it('while a call stands in line ends it without a slot', async () => {
      const processor = new BatchProcessor({ maxConcurrent: 1 });
      const work = new HeldHandler<number>();
      const first = processor.process([1], work.handler);
      await work.untilBegun(1);
      const controller = new AbortController();
      const second = processor.process([2, 3], work.handler, { signal: controller.signal });
      controller.abort();
      expect(await second).toMatchObject({ total: 2, cancelled: 2 });
      await work.finish(1);
      expect([await first, work.begun]).toMatchObject([{ succeeded: 1 }, [1]]);
    });

    it('leaves the signals of items that have ended alone', async () => {
      const controller = new AbortController();
      const signals: AbortSignal[] = [];
      const processor = new BatchProcessor({ maxConcurrent: 1 });
      await processor.process(range(3), (_, ctx) => signals.push(ctx.signal), {
        signal: controller.signal,
        onProgress: () => controller.abort(),
      });
      expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    });

    it('gives each attempt a signal of its own', async () => {
      const signals = new Set<AbortSignal>();
      await new BatchProcessor().process(range(10), (_, ctx: ItemContext) => signals.add(ctx.signal));
      expect(signals.size).toBe(10);
    });

    it('leaves no listener on the signal after 10,000 calls at once, and no warning', async () => {
      const { signal } = new AbortController();
      const add = jest.spyOn(signal, 'addEventListener');
      const remove = jest.spyOn(signal, 'removeEventListener');
      const warned = jest.fn();
      // The process that jest shows to tests hears of no warning.
      const real = runInThisContext('process') as NodeJS.Process;
      real.on('warning', warned);
      try {
        const processor = new BatchProcessor();
        await Promise.all(range(10_000).map((n) => processor.process([n], async () => n, { signal })));
        await settle();
      } finally {
        real.off('warning', warned);
      }
      expect([warned.mock.calls.length, remove.mock.calls.length]).toEqual([0, add.mock.calls.length]);
      expect(remove.mock.calls).toEqual(add.mock.calls);
    });
  });

  describe('stopAfterFailures', () => {
    it('cancels the rest, those at work included', async () => {
      const work = new HeldHandler<number>();
      const processor = new BatchProcessor({ maxConcurrent: 3, stopAfterFailures: 2 });
      const result = processor.process(range(6), work.handler);
      const last = await work.untilBegun(2);
      await work.fail(0, 'first');
      await work.fail(1, 'second');
      await settle();
      expect(last.ctx.signal.reason).toMatchObject({ name: 'TaskError', code: 'RUN_CANCELLED' });
      for (const { reject } of work.held.values()) reject('late');
      const { outcomes, ...counts } = await result;
      expect(counts).toEqual({ total: 6, succeeded: 0, failed: 2, cancelled: 4 });
      expect(outcomes.at(-1)).toMatchObject({ status: 'cancelled', attempts: 0, error: { code: 'RUN_CANCELLED' } });
    });

    it('of one call goes before that of the processor', async () => {
      const processor = new BatchProcessor({ maxConcurrent: 1, stopAfterFailures: 1 });
      const no = (): never => {
        throw new Error('no');
      };
      expect(await processor.process(range(5), no)).toMatchObject({ failed: 1, cancelled: 4 });
      expect(await processor.process(range(5), no, { stopAfterFailures: 3 })).toMatchObject({
        failed: 3,
        cancelled: 2,
      });
    });
  });

  describe('onProgress', () => {
    it('is told of every item, with the total where it is known', async () => {
      const told: BatchProgress[] = [];
      const processor = new BatchProcessor({ maxConcurrent: 1 });
      const fail1 = (n: number): void => {
        if (n === 1) throw new Error('no');
      };
      await processor.process(range(3), fail1, { onProgress: (progress) => told.push(progress) });
      expect(told).toEqual([
        { done: 1, total: 3, succeeded: 1, failed: 0, cancelled: 0 },
        { done: 2, total: 3, succeeded: 1, failed: 1, cancelled: 0 },
        { done: 3, total: 3, succeeded: 2, failed: 1, cancelled: 0 },
      ]);
      told.length = 0;
      await processor.process(new CountingSource(2), () => 1, { onProgress: (progress) => told.push(progress) });
      expect(told[0]).toEqual({ done: 1, succeeded: 1, failed: 0, cancelled: 0 });
    });

    it('is told of items that never began in one go', async () => {
      const told: number[] = [];
      const signal = AbortSignal.abort();
      await new BatchProcessor().process(range(500), () => 1, { signal, onProgress: ({ done }) => told.push(done) });
      expect(told).toEqual([500]);
    });

    it('changes nothing when it throws or rejects', async () => {
      const onProgress = ({ done }: BatchProgress): unknown => {
        if (done === 1) throw new Error('no');
        return Promise.reject(new Error('no'));
      };
      expect(await new BatchProcessor().process(range(3), () => 1, { onProgress })).toMatchObject({ succeeded: 3 });
      await settle();
    });
  });

  describe('onOutcome', () => {
    const oddFails = (n: number): number => {
      if (n % 2 === 1) throw new Error(`odd ${n}`);
      return 2 * n;
    };

    it('is told what became of each item, in the order in which they end', async () => {
      const told: unknown[] = [];
      await new BatchProcessor({ maxConcurrent: 1 }).process(range(3), oddFails, {
        keep: 'none',
        onOutcome: (outcome) => told.push(outcome),
      });
      expect(told).toEqual([
        { index: 0, item: 0, status: 'succeeded', value: 0, attempts: 1 },
        { index: 1, item: 1, status: 'failed', error: expect.objectContaining({ message: 'odd 1' }), attempts: 1 },
        { index: 2, item: 2, status: 'succeeded', value: 4, attempts: 1 },
      ]);
    });

    it.each([['succeeds', 0] as const, ['fails', 1] as const])(
      'keeps the place of an item that %s until what it gives has settled',
      async (_, first) => {
        const begun: number[] = [];
        let written = (): void => undefined;
        const result = new BatchProcessor({ maxConcurrent: 1 }).process(
          [first, 2],
          (n) => {
            begun.push(n);
            return oddFails(n);
          },
          { onOutcome: ({ item }) => (item === 2 ? undefined : new Promise<void>((resolve) => (written = resolve))) },
        );
        await settle();
        expect(begun).toEqual([first]);
        written();
        expect((await result).total).toBe(2);
        expect(begun).toEqual([first, 2]);
      },
    );

    it('is not told of items that an abort has cancelled', async () => {
      const work = new HeldHandler<number>();
      const controller = new AbortController();
      const told: number[] = [];
      const result = new BatchProcessor().process([1, 2], work.handler, {
        signal: controller.signal,
        onOutcome: ({ item }) => told.push(item),
      });
      await work.finish(1);
      const held = await work.untilBegun(2);
      controller.abort();
      held.reject(controller.signal.reason);
      expect(await result).toMatchObject({ succeeded: 1, cancelled: 1 });
      expect(told).toEqual([1]);
    });

    it.each([
      [
        'throws',
        (): never => {
          throw new RangeError('no room');
        },
      ],
      ['rejects', () => Promise.reject(new RangeError('no room'))],
    ])('that %s stops the call, which rejects with it when the items at work have settled', async (_, onOutcome) => {
      const work = new HeldHandler<number>();
      const source = new CountingSource();
      const result = rejection(new BatchProcessor({ maxConcurrent: 2 }).process(source, work.handler, { onOutcome }));
      await work.finish(0);
      const { ctx, resolve } = await work.untilBegun(1);
      await settle();
      expect(ctx.signal.aborted).toBe(true);
      resolve();
      expect(await result).toMatchObject({ name: 'RangeError', message: 'no room' });
      expect(work.begun).toEqual([0, 1]);
    });
  });

  it('gives the event loop its turns, however many items need no waiting, also under fake timers', async () => {
    jest.useFakeTimers();
    try {
      const controller = new AbortController();
      const port = new MessageChannel();
      port.port1.on('message', () => controller.abort());
      port.port2.postMessage('stop');
      const result = await new BatchProcessor().process(new CountingSource(), () => 1, {
        signal: controller.signal,
        keep: 'none',
      });
      port.port1.close();
      expect(result.succeeded).toBe(result.total);
    } finally {
      jest.useRealTimers();
    }
  });

  describe('arguments', () => {
    const options: [unknown, string, RegExp][] = [
      [{ batchSize: 0 }, 'RangeError', /batchSize must be/],
      [{ batchSize: '5' }, 'TypeError', /batchSize must be/],
      [{ maxConcurrent: Infinity }, 'RangeError', /maxConcurrent must be/],
      [{ stopAfterFailures: 0 }, 'RangeError', /stopAfterFailures must be/],
      [{ retry: { maxAttempts: 0 } }, 'RangeError', /retry.maxAttempts/],
      [{ concurrency: 5 }, 'TypeError', /has no option "concurrency"/],
    ];

    it.each(options)('new BatchProcessor(%j) is refused with a %s', (given, name, message) => {
      let thrown: unknown;
      try {
        new BatchProcessor(given as object);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ name, message: expect.stringMatching(message) });
    });

    const calls: [string, unknown[], string, RegExp][] = [
      ['no items', [undefined, () => 1], 'TypeError', /items must be an array/],
      ['items that cannot be iterated', [{ length: 2 }, () => 1], 'TypeError', /got an object/],
      ['no handler', [[1]], 'TypeError', /handler must be a function/],
      ['an unknown option', [[1], () => 1, { concurrency: 1 }], 'TypeError', /has no option/],
      ['an unknown keep', [[1], () => 1, { keep: 'some' }], 'RangeError', /keep must be/],
      ['a signal that is none', [[1], () => 1, { signal: {} }], 'TypeError', /signal must be/],
      ['an onProgress that is none', [[1], () => 1, { onProgress: 1 }], 'TypeError', /onProgress must be/],
      ['an onOutcome that is none', [[1], () => 1, { onOutcome: {} }], 'TypeError', /onOutcome must be/],
    ];

    it.each(calls)('%s: process rejects', async (_, given, name, message) => {
      const processor = new BatchProcessor();
      const call = (...args: unknown[]): Promise<unknown> =>
        processor.process(...(args as Parameters<typeof processor.process>));
      expect(await rejection(call(...given))).toMatchObject({
        name,
        message: expect.stringMatching(message),
      });
    });
  });
});
