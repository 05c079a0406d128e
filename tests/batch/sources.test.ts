import { describe, expect, it, jest } from '@jest/globals';
import { BatchProcessor } from '../../src/batch/batch-processor.js';
import { FakeClock, settle } from '../fake-clock.js';
import { CountingSource, HeldHandler, rejection } from './probe.js';

/** An async source that gives what the test pushes, and never ends by itself. */
class StallingSource implements AsyncIterable<string> {
  readonly #items: string[] = [];
  #wake: (() => void) | undefined;
  asked = 0;
  mostAskedAtOnce = 0;
  closed = 0;

  push(item: string): void {
    this.#items.push(item);
    this.#wake?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    let pending = 0;
    return {
      next: async () => {
        this.asked += 1;
        this.mostAskedAtOnce = Math.max(this.mostAskedAtOnce, ++pending);
        while (this.#items.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
        pending -= 1;
        return { value: this.#items.shift() ?? '' };
      },
      return: async () => {
        this.closed += 1;
        return { done: true, value: undefined };
      },
    };
  }
}

describe('a source', () => {
  it.each([
    ['an array', () => [1, 2, 3]],
    ['a set', () => new Set([1, 2, 3])],
    ['a generator', () => [1, 2, 3].values()],
    [
      'an async generator',
      async function* () {
        yield* [1, 2, 3];
      },
    ],
  ])('may be %s', async (_, items: () => Iterable<number> | AsyncIterable<number>) => {
    const result = await new BatchProcessor().process(items(), (n) => n * 10);
    expect(result.outcomes).toMatchObject([{ value: 10 }, { value: 20 }, { value: 30 }]);
  });

  it('may hold holes, null and promises: items are handed over as they are', async () => {
    const promise = Promise.resolve(1);
    const items: unknown[] = [undefined, null, promise];
    const seen: unknown[] = [];
    await new BatchProcessor().process(items, (item) => void seen.push(item));
    expect(seen[2]).toBe(promise);
    expect(seen.slice(0, 2)).toEqual([undefined, null]);
  });

  describe.each([
    ['an iterable', (source: CountingSource) => source],
    ['an async iterable', (source: CountingSource) => source.asynchronous],
  ])('%s', (_, items) => {
    it('is pulled only as fast as handlers finish', async () => {
      const source = new CountingSource();
      const controller = new AbortController();
      let settled = 0;
      let most = 0;
      const handler = async (n: number): Promise<void> => {
        most = Math.max(most, source.pulled - settled);
        if (n % 3 === 0) await settle();
        settled += 1;
        if (settled === 500) controller.abort();
      };
      const processor = new BatchProcessor({ maxConcurrent: 4, batchSize: 7 });
      await processor.process(items(source), handler, { signal: controller.signal });
      expect(most).toBeGreaterThanOrEqual(4);
      expect(most).toBeLessThanOrEqual(5);
    });

    it('that never ends is left and closed once by an abort', async () => {
      const source = new CountingSource();
      const controller = new AbortController();
      const work = new HeldHandler<number>();
      const result = new BatchProcessor({ maxConcurrent: 2 }).process(items(source), work.handler, {
        signal: controller.signal,
      });
      await work.finish(0);
      await work.untilBegun(2);
      controller.abort();
      for (const held of work.held.values()) held.resolve();
      const { total, succeeded, cancelled } = await result;
      expect({ succeeded, total, closed: source.closed }).toEqual({ succeeded: 3, total: source.pulled, closed: 1 });
      expect(total).toBe(succeeded + cancelled);
    });

    it('that ended by itself is not closed', async () => {
      const source = new CountingSource(10);
      await new BatchProcessor().process(items(source), () => 1);
      expect(source.closed).toBe(0);
    });

    it('that gets no taker any more after N failures is closed', async () => {
      const source = new CountingSource();
      const no = (): never => {
        throw new Error('no');
      };
      const result = await new BatchProcessor({ stopAfterFailures: 3 }).process(items(source), no);
      expect([result.failed, result.total - result.cancelled, source.closed]).toEqual([3, 3, 1]);
    });
  });

  describe('that throws', () => {
    const broken = new Error('broken');
    const throwAfter = (count: number, error: unknown) =>
      function* () {
        for (let i = 0; i < count; i += 1) yield i;
        throw error;
      };

    it('rejects the call with its own error, after items at work have settled', async () => {
      const work = new HeldHandler<number>();
      const ended = jest.fn();
      const call = rejection(new BatchProcessor().process(throwAfter(2, broken)(), work.handler));
      void call.then(ended);
      await work.finish(0);
      await work.untilBegun(1);
      await settle();
      expect(ended).not.toHaveBeenCalled();
      expect((await work.untilBegun(1)).ctx.signal.aborted).toBe(false);
      await work.finish(1);
      expect(await call).toBe(broken);
    });

    it('may throw undefined, asynchronously too', async () => {
      const source = async function* (): AsyncGenerator<number> {
        yield* throwAfter(3, undefined)();
      };
      expect(await rejection(new BatchProcessor().process(source(), () => 1))).toBeUndefined();
    });

    it('may throw when it is opened, or give no iterator result', async () => {
      const unopenable = {
        [Symbol.iterator]: () => {
          throw broken;
        },
      };
      expect(await rejection(new BatchProcessor().process(unopenable, () => 1))).toBe(broken);
      const senseless = { [Symbol.iterator]: () => ({ next: () => 5 as never }) };
      expect(await rejection(new BatchProcessor().process(senseless, () => 1))).toMatchObject({ name: 'TypeError' });
    });

    it('because of the abort does not reject the call', async () => {
      const controller = new AbortController();
      const source = async function* (): AsyncGenerator<number> {
        yield 1;
        await new Promise((_, reject) => controller.signal.addEventListener('abort', () => reject(broken)));
      };
      const { signal } = controller;
      const result = new BatchProcessor().process(source(), () => setImmediate(() => controller.abort()), { signal });
      expect(await result).toMatchObject({ total: 1, succeeded: 1 });
    });

    it('when it is closed early changes nothing', async () => {
      const controller = new AbortController();
      const closing = jest.fn(() => {
        throw broken;
      });
      const source = { [Symbol.iterator]: () => ({ next: () => ({ value: 1 }), return: closing }) };
      const { signal } = controller;
      const result = await new BatchProcessor().process(source, () => controller.abort(), { signal });
      expect([result.succeeded, closing.mock.calls.length]).toEqual([1, 1]);
    });
  });

  it('that aborts the call from its own body is closed, and its last item counts as cancelled', async () => {
    const controller = new AbortController();
    const closed = jest.fn();
    const source = function* (): Generator<number> {
      try {
        yield 0;
        controller.abort();
        for (;;) yield 1;
      } finally {
        closed();
      }
    };
    const { signal } = controller;
    const result = await new BatchProcessor({ maxConcurrent: 1 }).process(source(), () => 1, { signal });
    expect(result).toMatchObject({ total: 2, succeeded: 1, cancelled: 1 });
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it('that aborts the call from its own next() is closed once', async () => {
    const controller = new AbortController();
    const source = new CountingSource();
    const iterator = source[Symbol.iterator]();
    const next = (): IteratorResult<number> => (controller.abort(), iterator.next());
    const { signal } = controller;
    const items = { [Symbol.iterator]: () => ({ ...iterator, next }) };
    expect(await new BatchProcessor().process(items, () => 1, { signal })).toMatchObject({ total: 1, cancelled: 1 });
    expect(source.closed).toBe(1);
  });

  it('that closes slowly is waited for', async () => {
    const controller = new AbortController();
    const closed = jest.fn();
    const source = async function* (): AsyncGenerator<number> {
      try {
        for (;;) yield 1;
      } finally {
        await settle();
        closed();
      }
    };
    const { signal } = controller;
    const work = new HeldHandler<number>();
    const result = new BatchProcessor({ maxConcurrent: 1 }).process(source(), work.handler, { signal });
    const first = await work.untilBegun(1);
    await settle();
    controller.abort();
    first.resolve();
    expect(await result).toMatchObject({ total: 2, succeeded: 1, cancelled: 1 });
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it('that never closes does not hold up an abort', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const returned = jest.fn(() => new Promise<never>(() => undefined));
    let n = 0;
    const next = (): Promise<IteratorResult<number>> => Promise.resolve({ value: n++ });
    const source = { [Symbol.asyncIterator]: () => ({ next, return: returned }) };
    const { signal } = controller;
    const work = new HeldHandler<number>();
    const result = new BatchProcessor({ maxConcurrent: 1, clock }).process(source, work.handler, { signal });
    const first = await work.untilBegun(0);
    await settle();
    controller.abort();
    first.resolve();
    await clock.run(1_000);
    expect(await result).toMatchObject({ total: 2, succeeded: 1, cancelled: 1 });
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it('whose async iterator is undefined is read by its other one', async () => {
    const items = { [Symbol.asyncIterator]: undefined, [Symbol.iterator]: () => [1, 2][Symbol.iterator]() };
    const result = await new BatchProcessor().process(items as Iterable<number>, (n) => n);
    expect(result).toMatchObject({ total: 2, succeeded: 2 });
  });

  describe('that stalls', () => {
    it('is asked for one item at a time and holds no slot', async () => {
      const processor = new BatchProcessor({ maxConcurrent: 1 });
      const source = new StallingSource();
      const controller = new AbortController();
      const seen: string[] = [];
      const stalled = processor.process(source, (item) => void seen.push(item), { signal: controller.signal });
      source.push('a');
      await settle();
      expect(await processor.process([1, 2, 3], async () => settle())).toMatchObject({ succeeded: 3 });
      source.push('b');
      await settle();
      expect([seen, source.asked, source.mostAskedAtOnce]).toEqual([['a', 'b'], 3, 1]);
      controller.abort();
      expect(await stalled).toMatchObject({ total: 2, succeeded: 2 });
    });

    it('does not hold up an abort, and what it yields too late is not counted', async () => {
      const source = new StallingSource();
      const controller = new AbortController();
      const handler = jest.fn();
      const result = new BatchProcessor().process(source, handler, { signal: controller.signal });
      await settle();
      controller.abort();
      expect(await result).toMatchObject({ total: 0, cancelled: 0 });
      source.push('late');
      await settle();
      expect([source.closed, handler.mock.calls.length]).toEqual([1, 0]);
    });

    it('does not hold up an abort where return() waits behind next(), as in a generator', async () => {
      const controller = new AbortController();
      const source = async function* (): AsyncGenerator<number> {
        yield 1;
        await new Promise(() => undefined);
      };
      const { signal } = controller;
      const stopLater = (): unknown => setImmediate(() => controller.abort());
      expect(await new BatchProcessor().process(source(), stopLater, { signal })).toMatchObject({ succeeded: 1 });
    });

    it('and yields after an abort, while items are at work, has not yielded in time', async () => {
      const source = new StallingSource();
      const controller = new AbortController();
      const work = new HeldHandler<string>();
      const result = new BatchProcessor().process(source, work.handler, { signal: controller.signal });
      source.push('a');
      await work.untilBegun('a');
      await settle();
      controller.abort();
      source.push('late');
      await settle();
      await work.finish('a');
      expect(await result).toMatchObject({ total: 1, succeeded: 1 });
    });
  });
});
