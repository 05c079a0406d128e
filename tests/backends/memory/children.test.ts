import { describe, expect, it } from '@jest/globals';
import { memoryBackend } from '../../../src/backends/memory/memory-backend.js';
import { childOf } from '../../../src/testing/contract/samples.js';
import { Stage } from '../../../src/testing/contract/stage.js';
import { nextTurn } from '../../../src/timing/next-turn.js';
import { collectGarbage } from '../../collect-garbage.js';

/** Plays on a backend that keeps one record of each kind, and delivers. */
function keepingOne(play: (stage: Stage) => Promise<void>): Promise<void> {
  const options = { retention: { maxFinished: 1, maxFailed: 1 } };
  return Stage.open(
    () => memoryBackend(),
    options,
    async (stage) => {
      stage.work();
      await play(stage);
    },
  );
}

describe('children in memory', () => {
  it('go by themselves when retention says so: their parent lists those that are left', () =>
    keepingOne(async (stage) => {
      const { run } = await stage.deliver('p');
      for (const id of ['a', 'b', 'c']) await (await stage.deliver(id, { parent: childOf(run) })).complete();
      const left = await stage.backend.childrenOf(run, 'all');
      expect(left.map(({ id }) => id)).toEqual(['c']);
    }));

  it('are there when the record of their parent has gone before them, and are nobody’s who takes its id', () =>
    keepingOne(async (stage) => {
      const parent = await stage.deliver('p');
      await (await stage.deliver('c', { parent: childOf(parent.run) })).fail();
      await parent.complete();
      await (await stage.deliver('other')).complete();
      expect(await stage.backend.find('p')).toBeUndefined();
      expect((await stage.run('c')).parentId).toBe('p');
      const { run } = await stage.accept('p');
      expect(await stage.backend.childrenOf(run, 'all')).toEqual([]);
    }));

  it('hold no memory once their records have gone, though the parent is there', () =>
    keepingOne(async (stage) => {
      const { run } = await stage.deliver('p');
      const gone = new WeakRef(await endedChild(stage, 'a', childOf(run)));
      // So many that the list of all runs lets go of it.
      for (let at = 0; at < 3_000; at += 1) await (await stage.deliver(`other-${at}`)).complete();
      stage.deliveries.splice(0);
      stage.settled.splice(0);
      await new Promise<void>(nextTurn);
      collectGarbage();
      expect(gone.deref()).toBeUndefined();
      expect(await stage.backend.childrenOf(run, 'all')).toEqual([]);
    }));
});

/** Its result. */
async function endedChild(stage: Stage, id: string, parent: ReturnType<typeof childOf>): Promise<object> {
  const result = { large: 'result' };
  await (await stage.deliver(id, { parent })).complete(result);
  return result;
}
