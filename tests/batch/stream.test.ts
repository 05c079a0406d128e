import { describe, expect, it, jest } from '@jest/globals';
import { BatchProcessor } from '../../src/batch/batch-processor.js';
import { settle } from '../fake-clock.js';
import { CountingSource, HeldHandler, rejection } from './probe.js';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

describe('stream', () => {
  it('gives outcomes as they finish', async () => {
    const work = new HeldHandler<string>();
    const outcomes = new BatchProcessor().stream(['a', 'b', 'c'], work.handler);
    const first = outcomes.next();
    await work.finish('b', 2);
    expect((await first).value).toEqual({ index: 1, item: 'b', status: 'succeeded', value: 2, attempts: 1 });
    await work.fail('c', 'no');
    expect((await outcomes.next()).value).toMatchObject({ index: 2, status: 'failed', error: 'no' });
    await work.finish('a');
    expect((await outcomes.next()).value).toMatchObject({ index: 0 });
    expect(await outcomes.next()).toEqual({ done: true, value: undefined });
  });

  it('begins when it is first read', async () => {
    const source = new CountingSource(3);
    const outcomes = new BatchProcessor().stream(source, () => 1);
    await settle();
    expect(source.pulled).toBe(0);
    expect(await collect(outcomes)).toHaveLength(3);
  });

  it('pauses for a slow reader, and holds no slot meanwhile', async () => {
    const processor = new BatchProcessor({ maxConcurrent: 3 });
    const source = new CountingSource();
    const outcomes = processor.stream(source, (n) => n);
    await outcomes.next();
    for (let turn = 0; turn < 20; turn += 1) await settle();
    expect(source.pulled).toBeLessThanOrEqual(7);
    expect(await processor.process([1, 2, 3], async (n) => n)).toMatchObject({ succeeded: 3 });
    const seen = new Set([0]);
    while (seen.size < 100) seen.add((await outcomes.next()).value?.index ?? -1);
    expect(Math.max(...seen)).toBeLessThanOrEqual(105);
    await outcomes.return();
  });

  it('left early aborts the items at work, waits for them and closes the source', async () => {
    const source = new CountingSource();
    const work = new HeldHandler<number>();
    const outcomes = new BatchProcessor({ maxConcurrent: 2 }).stream(source, work.handler);
    const first = outcomes.next();
    await work.finish(0);
    await first;
    const { ctx } = await work.untilBegun(1);
    const left = jest.fn();
    const leaving = outcomes.return().then(left);
    await settle();
    expect(ctx.signal.reason).toMatchObject({ name: 'TaskError', code: 'RUN_CANCELLED' });
    expect(left).not.toHaveBeenCalled();
    for (const held of work.held.values()) held.reject('aborted');
    await leaving;
    expect([source.closed, work.held.size]).toEqual([1, 0]);
  });

  it('leaves no listener on the signal, read to its end or left', async () => {
    const { signal } = new AbortController();
    const add = jest.spyOn(signal, 'addEventListener');
    const remove = jest.spyOn(signal, 'removeEventListener');
    const processor = new BatchProcessor();
    await collect(processor.stream([1, 2, 3], () => 1, { signal }));
    for await (const { index } of processor.stream(new CountingSource(), () => 1, { signal })) if (index > 10) break;
    expect(add).toHaveBeenCalledTimes(2);
    expect(remove.mock.calls).toEqual(add.mock.calls);
  });

  it('gives what is left as cancelled after an abort, and ends', async () => {
    const controller = new AbortController();
    const items = Array.from({ length: 1_000 }, (_, n) => n);
    const abortAt = (n: number): void => (n === 9 ? controller.abort('enough') : undefined);
    const outcomes = await collect(new BatchProcessor().stream(items, abortAt, { signal: controller.signal }));
    expect(outcomes.map(({ index }) => index)).toEqual(items);
    expect(outcomes.filter(({ status }) => status === 'succeeded')).toHaveLength(10);
    expect(outcomes.at(-1)).toEqual({ index: 999, item: 999, status: 'cancelled', error: 'enough', attempts: 0 });
  });

  it('may be left while it gives what is cancelled', async () => {
    const items = Array.from({ length: 1_000 }, (_, n) => n);
    const signal = AbortSignal.abort();
    const seen: number[] = [];
    for await (const { index } of new BatchProcessor().stream(items, () => 1, { signal })) {
      seen.push(index);
      await settle();
      if (index === 2) break;
    }
    expect(seen).toEqual([0, 1, 2]);
  });

  it('throws what the source throws, after the outcomes of all it gave', async () => {
    const broken = new Error('broken');
    const source = function* (): Generator<number> {
      yield* [1, 2];
      throw broken;
    };
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { item } of new BatchProcessor().stream(source(), async (n) => n)) seen.push(item);
    })();
    expect(await rejection(reading)).toBe(broken);
    expect(seen).toEqual([1, 2]);
  });

  it('refuses wrong arguments when it is called', () => {
    const stream =
      (...args: unknown[]) =>
      () =>
        new BatchProcessor().stream(...(args as Parameters<BatchProcessor['stream']>));
    expect(stream(5, () => 1)).toThrow(/items must be/);
    expect(stream([], 5)).toThrow(/handler must be/);
    expect(stream([], () => 1, { keep: 'all' })).toThrow(/has no option "keep"/);
  });
});
