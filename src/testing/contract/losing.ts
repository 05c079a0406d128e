import assert from 'node:assert/strict';
import { quiet, until } from './assertions.js';
import type { Delivery } from './delivery.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

/** What is promised where a process is taken for dead and is not: its lease is lost, and what it says counts no more. */
export function losing({ fact }: Facts): void {
  fact('the holder is told once, and the run is delivered again with the same attempt', async (stage) => {
    const { old, fresh } = await lost(stage);
    assert.deepEqual([old.losses, fresh.run.attempt, fresh.losses], [1, 1, 0]);
    assert.equal((await stage.run('a')).status, 'running');
  });

  fact('what the old holder says is dropped, and what the new one says counts', async (stage) => {
    const { old, fresh } = await lost(stage);
    const before = await stage.run('a');
    const told = stage.events.length;
    assert.equal(await old.complete('stale'), false);
    stage.backend.progress(old.lease, { done: 9, total: null, note: null });
    stage.backend.log(old.lease, { level: 'info', message: 'late' });
    await old.release();
    await quiet(stage.clock);
    assert.deepEqual([await stage.run('a'), stage.events.length], [before, told]);
    assert.equal(await fresh.complete('fresh'), true);
    assert.equal((await stage.run('a')).result, 'fresh');
  });

  fact('a cancel goes to the new holder alone', async (stage) => {
    const { old, fresh } = await lost(stage);
    await stage.cancel('a');
    await until(() => fresh.cancels.length > 0, 'the new holder to be told');
    assert.deepEqual(old.cancels, []);
  });
}

async function lost(stage: Stage): Promise<{ old: Delivery; fresh: Delivery }> {
  stage.work();
  const old = await stage.deliver('a');
  await stage.lose(old.lease);
  const fresh = await stage.delivery('a', 2);
  await until(() => old.losses > 0, 'the holder to be told');
  return { old, fresh };
}
