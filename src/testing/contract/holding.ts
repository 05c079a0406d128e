import assert from 'node:assert/strict';
import { isStillBefore, quiet, refuses, until } from './assertions.js';
import type { Facts } from './suite.js';

/** What is promised where an attempt is over and its handler is still at work. */
export function holding({ fact }: Facts): void {
  fact('a cancelled run whose handler is still at work is abandoned, and its id stays taken', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    await stage.cancel('a');
    assert.equal(await delivery.settle({ type: 'cancelled' }, true), true);
    const { status, abandoned } = await stage.run('a');
    assert.deepEqual([status, abandoned], ['cancelled', true]);
    const details = await refuses('RUN_CONFLICT', () => stage.accept('a'));
    assert.equal(details['abandoned'], true);
    await delivery.release();
    await stage.accept('a');
    assert.equal((await stage.run('a')).abandoned, false);
  });

  fact("an id whose handler is still at work gives its run under ifActive: 'return'", async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    await delivery.fail(true);
    const { run, replayed } = await stage.accept('a', {}, 'return');
    assert.deepEqual([run.snapshot().status, replayed], ['failed', true]);
    await delivery.release();
    assert.equal((await stage.accept('a', {}, 'return')).replayed, false);
  });

  fact('a final snapshot does not change when the handler settles after all', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    await delivery.fail(true);
    const ended = await stage.run('a');
    const told = stage.events.length;
    assert.equal(await delivery.complete('late'), false);
    stage.backend.progress(delivery.lease, { done: 1, total: null, note: null });
    await delivery.release();
    await quiet(stage.clock);
    assert.deepEqual(await stage.run('a'), ended);
    assert.equal(stage.events.length, told);
    assert.equal(ended.abandoned, true);
  });

  fact('a lease that was released counts no more', async (stage) => {
    stage.work();
    const ended = await stage.deliver('ended');
    await ended.fail(true);
    const waiting = await stage.deliver('waiting');
    await waiting.retry(60_000, { held: true });
    for (const delivery of [ended, waiting]) await delivery.release();
    const before = [await stage.run('ended'), await stage.run('waiting')];
    const told = stage.events.length;
    for (const delivery of [ended, waiting]) {
      assert.equal(await delivery.complete('late'), false);
      await delivery.release();
    }
    await quiet(stage.clock);
    assert.deepEqual([await stage.run('ended'), await stage.run('waiting')], before);
    assert.equal(stage.events.length, told);
  });

  fact('the next attempt does not begin before the handler of the last one has settled', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await first.retry(100, { held: true });
    assert.equal((await stage.run('a')).abandoned, true);
    await stage.clock.run(1_000);
    assert.deepEqual([stage.order.length, (await stage.run('a')).status], [1, 'retrying']);
    await first.release();
    const second = await stage.delivery('a', 2);
    assert.deepEqual([second.run.attempt, (await stage.run('a')).abandoned], [2, false]);
    assert.equal(await first.complete('stale'), false);
    assert.equal(await second.complete(), true);
  });

  fact('a handler that settles within the retry wait shortens nothing', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    const wait = { begunAt: stage.clock.monotonic(), waitMs: 1_000 };
    await first.retry(1_000, { held: true });
    await first.release();
    if (await isStillBefore(stage.clock, 900, wait)) assert.equal(stage.order.length, 1);
    await stage.clock.run(200);
    await stage.delivery('a', 2);
  });

  fact(
    'a run that waits with a handler still at work can be cancelled, and keeps its id until release',
    async (stage) => {
      stage.work();
      const first = await stage.deliver('a');
      await first.retry(100, { held: true });
      const cancelled = await stage.cancel('a');
      assert.deepEqual([cancelled?.status, cancelled?.abandoned], ['cancelled', true]);
      await refuses('RUN_CONFLICT', () => stage.accept('a'));
      await first.release();
      await stage.accept('a', { delayMs: 60_000 });
      await stage.clock.run(1_000);
      assert.equal(stage.order.length, 1);
    },
  );

  fact('free is told when the handler has settled, final when the run has ended', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    const told: string[] = [];
    const run = await stage.find('a');
    stage.backend.watch(run, 'free', ({ status }) => told.push(`free ${status}`));
    stage.backend.watch(run, 'final', ({ status }) => told.push(`final ${status}`));
    await delivery.fail(true);
    await until(() => told.length === 1, 'the end');
    assert.deepEqual(told, ['final failed']);
    await delivery.release();
    await until(() => told.length === 2, 'the release');
    assert.deepEqual(told, ['final failed', 'free failed']);
  });
}
