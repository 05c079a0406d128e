import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BatchProcessor } from '../../src/batch/batch-processor.js';
import type { ItemContext } from '../../src/batch/batch-item.js';
import type { Outcome } from '../../src/batch/outcome.js';
import { nextTurn } from '../../src/timing/next-turn.js';

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise<void>(nextTurn);
};

/** What one item does: takes so many turns of the event loop, fails in so many attempts, heeds its signal or not. */
const itemPlan = fc.record({
  turns: fc.integer({ min: -1, max: 3 }),
  failures: fc.nat({ max: 3 }),
  heedsSignal: fc.boolean(),
});
type ItemPlan = typeof itemPlan extends fc.Arbitrary<infer T> ? T : never;

const plan = fc.record({
  items: fc.array(itemPlan, { maxLength: 40 }),
  source: fc.constantFrom('array', 'iterable', 'async', 'slow async'),
  maxConcurrent: fc.integer({ min: 1, max: 4 }),
  batchSize: fc.integer({ min: 1, max: 5 }),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  stopAfterFailures: fc.option(fc.integer({ min: 1, max: 4 }), { nil: Infinity }),
  abortAfterTurns: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

class Scene {
  pulled = 0;
  atWork = 0;
  mostAtWork = 0;
  mostAhead = 0;
  #settled = 0;
  readonly #plan: Plan;

  constructor(given: Plan) {
    this.#plan = given;
  }

  get items(): Iterable<ItemPlan> | AsyncIterable<ItemPlan> {
    if (this.#plan.source === 'array') return this.#plan.items;
    return this.#plan.source === 'iterable' ? this.#iterate() : this.#iterateAsync();
  }

  *#iterate(): Generator<ItemPlan> {
    for (const item of this.#plan.items) {
      this.pulled += 1;
      this.mostAhead = Math.max(this.mostAhead, this.pulled - this.#settled);
      yield item;
    }
  }

  async *#iterateAsync(): AsyncGenerator<ItemPlan> {
    for (const item of this.#iterate()) {
      if (this.#plan.source === 'slow async') await turns(2);
      yield item;
    }
  }

  readonly handler = (item: ItemPlan, ctx: ItemContext): number | Promise<number> => {
    this.mostAtWork = Math.max(this.mostAtWork, ++this.atWork);
    if (item.turns < 0) return this.#finish(item, ctx);
    return turns(item.turns).then(() => this.#finish(item, ctx));
  };

  #finish(item: ItemPlan, ctx: ItemContext): number {
    this.atWork -= 1;
    const fails = ctx.attempt <= item.failures || (item.heedsSignal && ctx.signal.aborted);
    if (!fails || ctx.attempt >= this.#plan.maxAttempts) this.#settled += 1;
    if (fails) throw new Error('planned');
    return ctx.index;
  }
}

async function check(given: Plan, outcomes: readonly Outcome<ItemPlan, number>[], scene: Scene): Promise<void> {
  const { items, source, maxConcurrent, maxAttempts, stopAfterFailures, abortAfterTurns } = given;
  expect(outcomes.map(({ index }) => index)).toEqual(outcomes.map((_, index) => index));
  outcomes.forEach((outcome, index) => {
    expect(outcome.item).toBe(items[index]);
    expect(outcome.attempts).toBeLessThanOrEqual(maxAttempts);
    if (outcome.status === 'succeeded') expect(outcome.value).toBe(index);
    if (outcome.status === 'failed') expect(outcome.attempts).toBe(maxAttempts);
  });
  const stopped = outcomes.some(({ status }) => status === 'cancelled');
  if (source === 'array' || (abortAfterTurns === undefined && !stopped && stopAfterFailures === Infinity)) {
    expect(outcomes).toHaveLength(items.length);
  }
  if (abortAfterTurns === undefined && stopAfterFailures === Infinity) expect(stopped).toBe(false);
  expect(outcomes.filter(({ status }) => status === 'failed').length).toBeLessThanOrEqual(stopAfterFailures);
  expect(scene.mostAtWork).toBeLessThanOrEqual(maxConcurrent);
  expect(scene.atWork).toBe(0);
  if (maxAttempts === 1) expect(scene.mostAhead).toBeLessThanOrEqual(maxConcurrent + 1);
  const before = scene.pulled;
  await turns(5);
  expect(scene.pulled).toBe(before);
}

function abortLater(abortAfterTurns: number | undefined): AbortSignal {
  const controller = new AbortController();
  if (abortAfterTurns === 0) controller.abort();
  else if (abortAfterTurns !== undefined) void turns(abortAfterTurns).then(() => controller.abort());
  return controller.signal;
}

const optionsOf = ({ maxConcurrent, batchSize, maxAttempts, stopAfterFailures }: Plan) => ({
  maxConcurrent,
  batchSize,
  stopAfterFailures,
  retry: { maxAttempts, initialDelayMs: 0 },
});

describe('whatever the items, the failures and the moment of an abort', () => {
  it('process gives totals that add up, outcomes in order, and never passes its limit', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (given) => {
        const scene = new Scene(given);
        const signal = abortLater(given.abortAfterTurns);
        const result = await new BatchProcessor(optionsOf(given)).process(scene.items, scene.handler, { signal });
        const count = (status: string): number => result.outcomes.filter((outcome) => outcome.status === status).length;
        expect(result).toMatchObject({
          total: result.outcomes.length,
          succeeded: count('succeeded'),
          failed: count('failed'),
          cancelled: count('cancelled'),
        });
        await check(given, result.outcomes, scene);
      }),
      { numRuns: 300 },
    );
  });

  it('stream gives each outcome once', async () => {
    await fc.assert(
      fc.asyncProperty(plan, fc.nat({ max: 2 }), async (given, readerTurns) => {
        const scene = new Scene(given);
        const signal = abortLater(given.abortAfterTurns);
        const outcomes: Outcome<ItemPlan, number>[] = [];
        for await (const outcome of new BatchProcessor(optionsOf(given)).stream(scene.items, scene.handler, {
          signal,
        })) {
          outcomes.push(outcome);
          await turns(readerTurns);
        }
        outcomes.sort((a, b) => a.index - b.index);
        // A slow reader lets more outcomes wait than items are at work: how far the source is ahead is tested elsewhere.
        await check(given, outcomes, Object.assign(scene, { mostAhead: 0 }));
      }),
      { numRuns: 200 },
    );
  });

  it('two calls on one processor share its limit and both end', async () => {
    await fc.assert(
      fc.asyncProperty(plan, plan, async (one, two) => {
        const shared = new Scene(one);
        const other = new Scene(two);
        const processor = new BatchProcessor(optionsOf(one));
        let atWork = 0;
        let most = 0;
        const counted = (scene: Scene) => async (item: ItemPlan, ctx: ItemContext) => {
          most = Math.max(most, ++atWork);
          try {
            return await scene.handler(item, ctx);
          } finally {
            atWork -= 1;
          }
        };
        const [a, b] = await Promise.all([
          processor.process(shared.items, counted(shared), { signal: abortLater(one.abortAfterTurns) }),
          processor.process(other.items, counted(other), { signal: abortLater(two.abortAfterTurns) }),
        ]);
        expect(most).toBeLessThanOrEqual(one.maxConcurrent);
        for (const { total, succeeded, failed, cancelled } of [a, b])
          expect(succeeded + failed + cancelled).toBe(total);
      }),
      { numRuns: 150 },
    );
  });
});
