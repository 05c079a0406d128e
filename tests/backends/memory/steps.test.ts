import { describe, expect, it } from '@jest/globals';
import { memoryBackend } from '../../../src/backends/memory/memory-backend.js';
import type { Delivery } from '../../../src/testing/contract/delivery.js';
import { Stage } from '../../../src/testing/contract/stage.js';
import { codeOf } from '../../manager/workbench.js';

const MAX = 1_000;
const make = () => memoryBackend({ maxBytes: MAX });

/** A string that weighs so much. */
function heavy(weight: number): string {
  return 'x'.repeat(weight - 24);
}

function start(stage: Stage, id: string, weight: number) {
  return stage.accept(id, { input: heavy(weight), delayMs: 60_000 });
}

describe('the steps of runs in memory', () => {
  it('count for the budget until their run has ended, however it ends', () =>
    Stage.open(make, {}, async (stage) => {
      stage.work();
      const ends: ((delivery: Delivery) => Promise<unknown>)[] = [
        (delivery) => delivery.complete(''),
        (delivery) => stage.cancel('a').then(() => delivery.settle({ type: 'cancelled' })),
        (delivery) => delivery.fail(),
      ];
      for (const [at, end] of ends.entries()) {
        await stage.accept('a', { input: heavy(100) });
        const delivery = await stage.delivery('a', at + 1);
        await stage.backend.keepStep(delivery.lease, 'k', heavy(600));
        expect(await codeOf(start(stage, 'b', 301))).toBe('QUEUE_FULL');
        await end(delivery);
        await start(stage, 'b', 301);
        await stage.cancel('b');
      }
      // What is left is the input of the failed run, for it can be redriven.
      await start(stage, 'c', 900);
      expect(await stage.backend.find('a')).toBeDefined();
      await start(stage, 'd', 30);
      expect(await stage.backend.find('a')).toBeUndefined();
    }));

  it('are kept beyond the budget, as what they did is done; ended runs go, and starts are refused', () =>
    Stage.open(make, {}, async (stage) => {
      stage.work();
      await (await stage.deliver('ended')).complete(heavy(300));
      const { lease } = await stage.deliver('a');
      const text = heavy(5_000);
      expect(await stage.backend.keepStep(lease, 'k', text)).toBe(text);
      expect([...(await stage.backend.stepsOf(lease))]).toEqual([['k', text]]);
      expect(await stage.backend.find('ended')).toBeUndefined();
      expect(await codeOf(start(stage, 'b', 30))).toBe('QUEUE_FULL');
    }));

  it('count once where a key comes again', () =>
    Stage.open(make, {}, async (stage) => {
      stage.work();
      const { lease } = await stage.deliver('a', { input: 'x' });
      for (let times = 0; times < 5; times += 1) await stage.backend.keepStep(lease, 'k', heavy(500));
      await start(stage, 'b', 500);
    }));
});
