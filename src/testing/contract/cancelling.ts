import assert from 'node:assert/strict';
import type { Outcome } from '../../ports/backend.js';
import { quiet, until } from './assertions.js';
import { errorOf, REQUEST } from './samples.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

const ENDS: readonly Outcome[] = [
  { type: 'completed', value: 'half' },
  { type: 'failed', error: errorOf(1), cause: new Error('as told') },
  { type: 'retry', error: errorOf(1), cause: new Error('as told'), delayMs: 0, usesAttempt: true },
  { type: 'cancelled' },
  { type: 'interrupted', error: { ...errorOf(1), code: 'RUN_INTERRUPTED' } },
];

/** What is promised of cancels: in every status, and however the attempt then ends. */
export function cancelling({ fact }: Facts): void {
  fact('a queued run is cancelled at once and never delivered', async (stage) => {
    await stage.accept('a');
    await isCancelledAtOnce(stage, 'a');
    stage.work();
    await stage.deliver('b');
    assert.deepEqual(stage.order, ['b']);
  });

  fact('a scheduled run is cancelled at once and never delivered', async (stage) => {
    stage.work();
    await stage.accept('a', { delayMs: 1_000 });
    await isCancelledAtOnce(stage, 'a');
    await stage.clock.run(2_000);
    assert.deepEqual(stage.order, []);
  });

  fact('a run that waits for its next attempt is cancelled at once and not delivered again', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await first.retry(1_000);
    await isCancelledAtOnce(stage, 'a');
    assert.equal((await stage.run('a')).error, null);
    await stage.clock.run(2_000);
    assert.equal(stage.order.length, 1);
    assert.equal(await first.complete(), false);
  });

  fact('a running run is cancelling, and its holder is told once', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    const asked = await stage.cancel('a');
    assert.deepEqual([asked?.status, asked?.cancelReason], ['cancelling', 'enough']);
    assert.equal(asked?.cancelRequestedAt, stage.clock.now());
    await until(() => delivery.cancels.length > 0, 'the holder to be told');
    assert.equal((await stage.backend.cancel('a', { by: 'other', reason: 'again' }))?.status, 'cancelling');
    await quiet(stage.clock);
    assert.deepEqual(delivery.cancels, [REQUEST]);
    assert.equal((await stage.run('a')).cancelReason, 'enough');
  });

  for (const end of ENDS) {
    fact(`a cancelling run whose attempt ends as ${end.type} is cancelled`, async (stage) => {
      const worker = stage.work();
      const delivery = await stage.deliver('a');
      await stage.cancel('a');
      if (end.type === 'interrupted') worker.stop();
      assert.equal(await delivery.settle(end), true);
      const { status, result, error } = await stage.run('a');
      assert.deepEqual([status, result, error], ['cancelled', end.type === 'completed' ? 'half' : undefined, null]);
      const last = stage.events.at(-1);
      assert.deepEqual([last?.type, last?.status], ['run:cancelled', 'cancelled']);
      await stage.clock.run(100);
      assert.equal(stage.order.length, 1);
    });
  }

  fact('an ended run stays what it is', async (stage) => {
    stage.work();
    await (await stage.deliver('a')).complete('kept');
    await (await stage.deliver('b')).fail();
    const before = [await stage.run('a'), await stage.run('b')];
    await stage.cancel('a');
    await stage.cancel('b');
    assert.deepEqual([await stage.run('a'), await stage.run('b')], before);
    assert.deepEqual(stage.cancelledLate, ['a', 'b']);
  });

  fact('a cancel that names a run by its ordinal leaves another run of its id alone', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    const { ordinal } = first.run;
    await first.complete();
    const { run } = await stage.accept('a', { delayMs: 1_000 });
    assert.equal(await stage.backend.cancel('a', REQUEST, ordinal), undefined);
    assert.deepEqual([(await stage.run('a')).status, stage.cancelledLate], ['scheduled', []]);
    assert.equal((await stage.backend.cancel('a', REQUEST, run.ordinal))?.status, 'cancelled');
  });
}

async function isCancelledAtOnce(stage: Stage, id: string): Promise<void> {
  const run = await stage.cancel(id);
  assert.deepEqual([run?.status, run?.cancelReason, run?.finishedAt], ['cancelled', 'enough', stage.clock.now()]);
  assert.equal((await stage.run(id)).status, 'cancelled');
}
