import assert from 'node:assert/strict';
import { isFinal } from '../../task/status.js';
import { isStillBefore, quiet, refuses, until } from './assertions.js';
import { errorOf, EVERY_RUN, newRun, REQUEST } from './samples.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

/** What is promised of runs whose process has died, and of those that a close has left. */
export function restarting({ fact }: Facts): void {
  fact('what was queued is delivered in the same order, as it was asked for', async (stage) => {
    await stage.accept('first', { input: { deep: [1] } });
    await stage.accept('second', { tags: ['x'], owner: 'me' });
    await stage.accept('high', { priority: 5 });
    const next = await stage.reopen();
    next.work();
    const last = await next.delivery('second');
    assert.deepEqual(next.order, ['high', 'first', 'second']);
    const { attempt, tags, owner } = last.run;
    assert.deepEqual([attempt, tags, owner, (await next.delivery('first')).run.input], [1, ['x'], 'me', { deep: [1] }]);
  });

  fact('what was scheduled waits until it is due, and begins at once where that has passed', async (stage) => {
    await stage.accept('soon', { delayMs: 1_000 });
    await stage.accept('late', { delayMs: 4_000 });
    const next = await stage.reopen({ afterMs: 2_000 });
    next.work();
    await next.clock.run(10);
    await next.delivery('soon');
    assert.deepEqual([next.order, (await next.run('late')).status], [['soon'], 'scheduled']);
    await next.clock.run(2_500);
    await next.delivery('late');
  });

  fact('a run that waits for its next attempt goes on waiting, and its failures stay', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    const wait = { begunAt: stage.clock.monotonic(), waitMs: 1_000 };
    await first.retry(1_000);
    const next = await stage.reopen();
    next.work();
    const { status, attempt, error, failures } = await next.run('a');
    assert.deepEqual([status, attempt, error?.code, failures.length], ['retrying', 1, 'HANDLER_FAILED', 1]);
    if (await isStillBefore(next.clock, 500, wait)) assert.deepEqual(next.order, []);
    await next.clock.run(1_000);
    assert.equal((await next.delivery('a')).run.attempt, 2);
  });

  fact('a run that has waited too long meanwhile fails with QUEUE_EXPIRED, and is not delivered', async (stage) => {
    await stage.accept('a', { expiresInMs: 1_000 });
    const next = await stage.reopen({ afterMs: 2_000 });
    next.work();
    await until(async () => (await next.run('a')).error?.code === 'QUEUE_EXPIRED', 'the run to expire');
    await quiet(next.clock);
    assert.deepEqual(next.order, []);
  });

  fact(
    'a run that was at work is tried again, and neither its attempt nor its key for effects changes',
    async (stage) => {
      stage.work();
      const before = await stage.deliver('a', { idempotency: { key: 'k', fingerprint: 'f' } });
      const told = await stage.run('a');
      const next = await stage.reopen();
      next.work();
      const again = await next.delivery('a');
      const { run } = again;
      assert.deepEqual([run.attempt, run.idempotencyKey, run.ordinal], [1, 'k', before.run.ordinal]);
      await again.complete();
      const { status, version, failures } = await next.run('a');
      assert.deepEqual([status, failures], ['completed', []]);
      assert(version > told.version, 'the seq of a run goes on growing');
    },
  );

  fact('a run at which more processes died than it may take fails with CRASHED', async (stage) => {
    stage.work();
    await stage.deliver('a', { maxCrashes: 1 });
    const second = await stage.reopen();
    second.work();
    await second.delivery('a');
    const third = await second.reopen();
    third.work();
    await failsWith(third, 'CRASHED');
  });

  fact('a checkpoint that was kept is there, and crashes are counted anew from it', async (stage) => {
    stage.work();
    const { lease } = await stage.deliver('a', { maxCrashes: 1 });
    await stage.backend.checkpoint(lease, { state: { at: 1 }, soFar: undefined });
    const second = await stage.reopen();
    second.work();
    const again = await second.delivery('a');
    assert.deepEqual(again.run.checkpoint?.state, { at: 1 });
    await second.backend.checkpoint(again.lease, { state: { at: 2 }, soFar: 'half' });
    const third = await second.reopen();
    third.work();
    assert.deepEqual((await third.delivery('a')).run.checkpoint, { state: { at: 2 }, soFar: 'half' });
  });

  fact('a run that was to be cancelled keeps what its checkpoint says', async (stage) => {
    stage.work();
    const { lease } = await stage.deliver('a');
    await stage.backend.checkpoint(lease, { state: 1, soFar: { done: 1 } });
    await stage.cancel('a');
    const next = await stage.reopen();
    await until(async () => (await next.run('a')).status === 'cancelled', 'the run to be cancelled');
    assert.deepEqual((await next.run('a')).result, { done: 1 });
  });

  fact('the place where runs live is the same, and the runs of a kind are there', async (stage) => {
    const { storeId } = stage.backend;
    assert(storeId);
    stage.work();
    await (await stage.deliver('ended', { kind: 'import' })).complete();
    await stage.accept('later', { kind: 'import', delayMs: 1_000 });
    const next = await stage.reopen();
    assert.equal(next.backend.storeId, storeId);
    const runs = await next.backend.runsOf('import');
    assert.deepEqual(runs.map(({ id }) => id).sort(), ['ended', 'later']);
  });

  fact("a run that was at work fails with RUN_INTERRUPTED under onCrash: 'fail'", async (stage) => {
    stage.work();
    await stage.deliver('a', { onCrash: 'fail' });
    const next = await stage.reopen();
    next.work();
    await failsWith(next, 'RUN_INTERRUPTED');
  });

  fact('an ad-hoc function has died with its process', async (stage) => {
    stage.work((_kind, task) => (task === null && stage.deliveries.length === 0 ? 1 : 0));
    await stage.deliver('running', { task: null });
    await stage.accept('waits', { task: null });
    const next = await stage.reopen();
    next.work();
    for (const id of ['running', 'waits'])
      await until(async () => (await next.run(id)).error?.code === 'RUN_INTERRUPTED', `${id} to fail`);
    assert.deepEqual(next.order, []);
  });

  fact('a run that was to be cancelled is cancelled, and not delivered again', async (stage) => {
    stage.work();
    await stage.deliver('a');
    await stage.cancel('a');
    const next = await stage.reopen();
    next.work();
    await until(async () => isFinal((await next.run('a')).status), 'the run to end');
    const ended = await next.run('a');
    const { status, cancelReason } = ended;
    assert.deepEqual([status, cancelReason], ['cancelled', REQUEST.reason]);
    await quiet(next.clock);
    assert.deepEqual([await next.run('a'), next.order], [ended, []]);
  });

  fact('what has ended stays as it was, and is not delivered again', async (stage) => {
    stage.work();
    await (await stage.deliver('done')).complete({ n: 1 });
    await (await stage.deliver('broken')).fail();
    await (await stage.deliver('left')).fail(true);
    await stage.backend.redrive(await stage.find('broken'), { ...newRun('again'), delayMs: 60_000 });
    const before = [await stage.run('done'), await stage.run('broken')];
    const next = await stage.reopen();
    next.work();
    await quiet(next.clock);
    assert.deepEqual([await next.run('done'), await next.run('broken')], before);
    assert.deepEqual((await next.find('broken')).input, { n: 1 });
    const { items } = await next.backend.list({ ...EVERY_RUN, status: ['completed', 'failed'] });
    assert.deepEqual([items.map(({ id }) => id), next.order], [['left', 'broken', 'done'], []]);
    // The handler that kept its id has died with its process: where others have to notice that, it takes them a while.
    await until(() => isFree(next, 'left'), 'the id to be free');
  });

  fact('a key gives the same run, and is refused for anything else', async (stage) => {
    stage.work();
    const claim = { key: 'k', fingerprint: 'f' };
    await (await stage.deliver('a', { idempotency: claim })).complete(5);
    const next = await stage.reopen();
    const { run, replayed } = await next.accept('b', { idempotency: claim });
    assert.deepEqual([run.id, replayed, run.snapshot().result], ['a', true, 5]);
    await refuses('KEY_REUSED', () => next.accept('b', { idempotency: { ...claim, fingerprint: 'other' } }));
  });

  fact('a paused queue stays paused until it is resumed', async (stage) => {
    await stage.backend.pause('slow');
    await stage.accept('a', { queue: 'slow' });
    const next = await stage.reopen();
    next.work();
    await next.deliver('b');
    await quiet(next.clock);
    assert.deepEqual(next.order, ['b']);
    await next.backend.resume('slow');
    await next.delivery('a');
  });

  fact('what a close has interrupted is tried again: no attempt was used, and it was no crash', async (stage) => {
    const worker = stage.work();
    const delivery = await stage.deliver('a', { maxCrashes: 0 });
    await stage.accept('waits', { delayMs: 60_000 });
    worker.stop();
    await stage.backend.retire();
    await delivery.settle({ type: 'interrupted', error: { ...errorOf(1), code: 'RUN_INTERRUPTED' } });
    await stage.backend.retire();
    await stage.close();
    const next = await stage.reopen();
    next.work();
    assert.equal((await next.delivery('a')).run.attempt, 1);
    assert.equal((await next.run('waits')).status, 'scheduled');
  });
}

/** Starts a run, unless its id is taken. */
async function isFree(next: Stage, id: string): Promise<boolean> {
  try {
    return !(await next.accept(id)).replayed;
  } catch (error) {
    assert.equal((error as { readonly code?: unknown }).code, 'RUN_CONFLICT');
    return false;
  }
}

async function failsWith(next: Stage, code: string): Promise<void> {
  await until(async () => (await next.run('a')).error?.code === code, `the run to fail with ${code}`);
  assert.deepEqual([(await next.run('a')).status, next.order], ['failed', []]);
}
