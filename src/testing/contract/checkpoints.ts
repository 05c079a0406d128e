import assert from 'node:assert/strict';
import type { Facts } from './suite.js';

const START = { state: { at: 0 }, soFar: { done: 0 } };
const LATER = { state: { at: 5, left: [2, 3] }, soFar: { done: 3 } };

/** What is promised of checkpoints, and of the runs of a kind. */
export function checkpoints({ fact }: Facts): void {
  fact('a run has none until one is kept, and then the last one', async (stage) => {
    stage.work();
    const { run, lease } = await stage.deliver('a');
    assert.equal(run.checkpoint, null);
    assert.equal(await stage.backend.checkpoint(lease, START), true);
    assert.equal(await stage.backend.checkpoint(lease, LATER), true);
    assert.deepEqual((await stage.find('a')).checkpoint, LATER);
  });

  fact('one that comes with the start is there from the start', async (stage) => {
    const { run } = await stage.accept('a', { checkpoint: START });
    assert.deepEqual(run.checkpoint, START);
    assert.deepEqual((await stage.find('a')).checkpoint, START);
  });

  fact('it stays with the run when that has ended, and is no result of one that completed', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    await stage.backend.checkpoint(delivery.lease, LATER);
    await delivery.complete();
    assert.deepEqual((await stage.find('a')).checkpoint, LATER);
    assert.equal((await stage.run('a')).result, 'done');
  });

  fact('a stale lease keeps none', async (stage) => {
    stage.work();
    const first = await stage.deliver('a', { checkpoint: START });
    await first.retry(0);
    await stage.clock.run(10);
    const second = await stage.delivery('a', 2);
    assert.equal(await stage.backend.checkpoint(first.lease, LATER), false);
    assert.deepEqual((await stage.find('a')).checkpoint, START);
    await second.complete();
    assert.equal(await stage.backend.checkpoint(second.lease, LATER), false);
    assert.deepEqual((await stage.find('a')).checkpoint, START);
  });

  fact('a waiting run that is cancelled keeps what its last one says as its result', async (stage) => {
    await stage.accept('a', { checkpoint: LATER });
    const cancelled = await stage.cancel('a');
    assert.deepEqual([cancelled?.status, cancelled?.result], ['cancelled', { done: 3 }]);
  });

  fact('a cancelled run whose handler says nothing keeps what its last one says', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a', { checkpoint: START });
    await stage.cancel('a');
    assert.equal(await stage.backend.checkpoint(delivery.lease, LATER), true);
    await delivery.fail();
    assert.deepEqual((await stage.run('a')).result, { done: 3 });
  });

  fact('a cancelled run keeps what its handler says rather', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a', { checkpoint: LATER });
    await stage.cancel('a');
    await delivery.complete('counts');
    assert.equal((await stage.run('a')).result, 'counts');
  });

  fact('the runs of a kind are all that are kept, ended ones too', async (stage) => {
    stage.work();
    await (await stage.deliver('a', { kind: 'import', checkpoint: START })).complete();
    await stage.deliver('b', { kind: 'import' });
    await stage.deliver('c');
    await stage.accept('d', { kind: 'import', delayMs: 1_000 });
    const runs = [...(await stage.backend.runsOf('import'))].sort((x, y) => x.ordinal - y.ordinal);
    assert.deepEqual(
      runs.map(({ id, status, checkpoint }) => [id, status, checkpoint]),
      [
        ['a', 'completed', START],
        ['b', 'running', null],
        ['d', 'scheduled', null],
      ],
    );
  });
}
