import assert from 'node:assert/strict';
import { isStillBefore, quiet, until } from './assertions.js';
import type { Facts } from './suite.js';

/** What is promised of the order and the time of deliveries. */
export function delivering({ fact }: Facts): void {
  fact('a delivered run is running, and its holder begins once, after it was taken', async (stage) => {
    stage.work();
    const { run, begun } = await stage.deliver('a');
    const { status, attempt, startedAt } = run.snapshot();
    assert.deepEqual([status, attempt, startedAt, begun], ['running', 1, stage.clock.now(), 1]);
  });

  fact('nothing is delivered in the turn of its acceptance: it can still be cancelled', async (stage) => {
    stage.work();
    const accepted = stage.accept('a');
    assert.deepEqual(stage.order, []);
    await accepted;
  });

  fact('higher priorities go first, and within one the first accepted', async (stage) => {
    await stage.accept('low', { priority: -5 });
    await stage.accept('first');
    await stage.accept('second');
    await stage.accept('high', { priority: 5 });
    stage.work();
    await stage.delivery('low');
    assert.deepEqual(stage.order, ['high', 'first', 'second', 'low']);
  });

  fact('no more runs are delivered than slots are free, and wake asks again', async (stage) => {
    let slots = 2;
    const worker = stage.work(() => slots - stage.deliveries.length);
    for (const id of ['a', 'b', 'c']) await stage.accept(id);
    await stage.delivery('b');
    await quiet(stage.clock);
    assert.deepEqual(stage.order, ['a', 'b']);
    slots = 3;
    worker.wake();
    await stage.delivery('c');
  });

  fact('a task without a free slot holds up no other', async (stage) => {
    for (const id of ['a', 'b']) await stage.accept(id, { task: 'stuck', priority: 9 });
    await stage.accept('c', { task: 'free' });
    await stage.accept('d', { task: null });
    stage.work((_kind, task) => (task === 'stuck' ? 0 : 1));
    await stage.delivery('d');
    assert.deepEqual(stage.order, ['c', 'd']);
    assert.equal((await stage.run('a')).status, 'queued');
  });

  fact('slots are asked for by kind', async (stage) => {
    await stage.accept('import', { kind: 'import', task: null });
    await stage.accept('run');
    stage.work((kind) => (kind === 'import' ? 1 : 0));
    await stage.delivery('import');
    await quiet(stage.clock);
    assert.deepEqual(stage.order, ['import']);
  });

  fact('a delayed run is scheduled until it is due', async (stage) => {
    stage.work();
    const wait = { begunAt: stage.clock.monotonic(), waitMs: 1_000 };
    await stage.accept('a', { delayMs: 1_000 });
    const scheduled = await stage.run('a');
    assert.deepEqual([scheduled.status, scheduled.dueAt], ['scheduled', scheduled.createdAt + 1_000]);
    if (await isStillBefore(stage.clock, 900, wait)) assert.deepEqual(stage.order, []);
    await stage.clock.run(200);
    await stage.delivery('a');
  });

  fact('a run that begins too late fails with QUEUE_EXPIRED, and is never delivered', async (stage) => {
    await stage.accept('queued', { expiresInMs: 1_000 });
    await stage.accept('scheduled', { expiresInMs: 1_500, delayMs: 1_400 });
    await stage.accept('patient');
    await stage.clock.run(2_000);
    for (const id of ['queued', 'scheduled']) {
      await until(async () => (await stage.run(id)).status === 'failed', `${id} to expire`);
      const { error, attempt, failures } = await stage.run(id);
      assert.deepEqual([error?.code, error?.exposed, attempt, failures.length], ['QUEUE_EXPIRED', true, 0, 1]);
    }
    stage.work();
    await stage.delivery('patient');
    assert.deepEqual(stage.order, ['patient']);
  });

  fact('a run that has begun in time does not expire', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a', { expiresInMs: 1_000 });
    await stage.clock.run(2_000);
    assert.equal(await delivery.complete(), true);
    assert.equal((await stage.run('a')).status, 'completed');
  });

  fact('a run that comes back to wait after its time fails with QUEUE_EXPIRED', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a', { expiresInMs: 1_000 });
    await stage.clock.run(2_000);
    await delivery.retry(100);
    await until(async () => (await stage.run('a')).status === 'failed', 'the run to expire');
    assert.equal((await stage.run('a')).error?.code, 'QUEUE_EXPIRED');
  });

  fact('a paused queue begins nothing, others go on, and resume lets it go on', async (stage) => {
    await stage.backend.pause('slow');
    stage.work();
    await stage.accept('a', { queue: 'slow' });
    await stage.deliver('b');
    await quiet(stage.clock);
    assert.deepEqual(stage.order, ['b']);
    const queues = await stage.backend.queues();
    assert.deepEqual(
      queues.find(({ name }) => name === 'slow'),
      { name: 'slow', paused: true, queued: 1 },
    );
    await stage.backend.resume('slow');
    await stage.delivery('a');
  });

  fact('nothing is delivered after stop', async (stage) => {
    const worker = stage.work();
    worker.stop();
    await stage.accept('a');
    worker.wake();
    await quiet(stage.clock);
    assert.deepEqual(stage.order, []);
  });
}

/** What is promised of runs that became due one after the other, before there was a slot. */
export function deliveringInDueOrder({ fact }: Facts): void {
  fact('what was due first goes first, also where it was accepted later', async (stage) => {
    await stage.accept('accepted-first', { delayMs: 200 });
    await stage.accept('due-first', { delayMs: 100 });
    await stage.accept('high', { delayMs: 300, priority: 1 });
    await stage.clock.run(500);
    stage.work();
    await stage.delivery('accepted-first');
    assert.deepEqual(stage.order, ['high', 'due-first', 'accepted-first']);
  });
}
