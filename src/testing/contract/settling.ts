import assert from 'node:assert/strict';
import { isStillBefore, quiet, until } from './assertions.js';
import { errorOf } from './samples.js';
import type { Facts } from './suite.js';

/** What is promised of outcomes: the final status, fenced leases, attempts. */
export function settling({ fact }: Facts): void {
  fact('a completed attempt completes its run, and keeps the value', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    assert.equal(await delivery.complete({ n: 1 }), true);
    const { status, result, finishedAt, error } = await stage.run('a');
    assert.deepEqual([status, result, finishedAt, error], ['completed', { n: 1 }, stage.clock.now(), null]);
    assert.deepEqual(
      stage.settled.map(({ id, status: told }) => [id, told]),
      [['a', 'completed']],
    );
  });

  fact('a failed attempt fails its run, and keeps error, cause and input', async (stage) => {
    stage.work();
    await (await stage.deliver('a')).fail();
    const { status, error, failures, result } = await stage.run('a');
    assert.deepEqual([status, error, result], ['failed', errorOf(1), undefined]);
    assert.deepEqual(failures, [{ ...errorOf(1), at: stage.clock.now() }]);
    assert.deepEqual((await stage.find('a')).input, { n: 1 });
  });

  fact('a lease counts once: a second outcome is not recorded', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    await delivery.complete('first');
    assert.equal(await delivery.complete('second'), false);
    assert.equal(await delivery.fail(), false);
    const { status, result } = await stage.run('a');
    assert.deepEqual([status, result, stage.settled.length], ['completed', 'first', 1]);
  });

  fact('the lease of an earlier attempt is stale', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await first.retry(0);
    await stage.clock.run(10);
    const second = await stage.delivery('a', 2);
    assert.equal(await first.complete('stale'), false);
    assert.equal((await stage.run('a')).status, 'running');
    assert.equal(await second.complete('fresh'), true);
    assert.equal((await stage.run('a')).result, 'fresh');
  });

  fact('the lease of an earlier run under the same id is stale', async (stage) => {
    stage.work();
    const old = await stage.deliver('a');
    await old.complete('old');
    await stage.deliver('b');
    await stage.accept('a');
    const fresh = await stage.delivery('a', 2);
    assert.equal(await old.complete('older'), false);
    await fresh.complete('fresh');
    assert.equal((await stage.run('a')).result, 'fresh');
  });

  fact('a run that is retried waits as retrying, then goes through queued with the next attempt', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    const wait = { begunAt: stage.clock.monotonic(), waitMs: 1_000 };
    await first.retry(1_000);
    const waiting = await stage.run('a');
    assert.deepEqual(
      [waiting.status, waiting.attempt, waiting.error?.code, waiting.finishedAt, waiting.dueAt],
      ['retrying', 1, 'HANDLER_FAILED', null, stage.clock.now() + 1_000],
    );
    if (await isStillBefore(stage.clock, 900, wait)) assert.equal(stage.order.length, 1);
    await stage.clock.run(200);
    const second = await stage.delivery('a', 2);
    assert.equal(second.run.attempt, 2);
    await second.fail();
    // What told of the first attempt before may have been overtaken by that.
    const types = stage.events.map(({ type }) => type);
    assert.deepEqual(types.slice(-4), ['run:retrying', 'run:queued', 'run:started', 'run:failed']);
    assert.deepEqual(
      (await stage.run('a')).failures.map(({ attempt }) => attempt),
      [1, 2],
    );
  });

  fact('a delay that the handler asked for uses no attempt, is counted, and is no failure', async (stage) => {
    stage.work();
    await (await stage.deliver('a')).retry(100, { usesAttempt: false });
    assert.equal((await stage.find('a')).delays, 1);
    await stage.clock.run(150);
    const second = await stage.delivery('a', 2);
    assert.equal(second.run.attempt, 1);
    await second.retry(100);
    await stage.clock.run(150);
    const third = await stage.delivery('a', 3);
    assert.deepEqual([third.run.attempt, third.run.delays], [2, 1]);
    await third.complete();
    assert.deepEqual(
      (await stage.run('a')).failures.map(({ attempt }) => attempt),
      [1],
    );
  });

  fact('an interrupted run is queued again where runs are durable, and fails where they are not', async (stage) => {
    const worker = stage.work();
    const delivery = await stage.deliver('a');
    worker.stop();
    await delivery.settle({ type: 'interrupted', error: { ...errorOf(1), code: 'RUN_INTERRUPTED' } });
    const { status, error } = await stage.run('a');
    if (stage.backend.durable) assert.equal(status, 'queued');
    else assert.deepEqual([status, error?.code], ['failed', 'RUN_INTERRUPTED']);
  });

  fact('progress and log lines become events, and progress starts anew in each attempt', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await stage.clock.run(10);
    stage.backend.progress(first.lease, { done: 1, total: 2, note: 'half' });
    stage.backend.log(first.lease, { level: 'info', message: 'hello' });
    await until(() => stage.events.some(({ type }) => type === 'run:log'), 'the line');
    const progress = stage.events.find((event) => event.type === 'run:progress');
    assert.deepEqual(progress?.progress, { done: 1, total: 2, note: 'half' });
    const { progress: stored, updatedAt, startedAt } = await stage.run('a');
    assert.deepEqual(stored, { done: 1, total: 2, note: 'half' });
    assert.ok(updatedAt > (startedAt ?? Infinity), 'progress is news of the run');
    await first.retry(0);
    await stage.clock.run(10);
    await stage.delivery('a', 2);
    assert.equal((await stage.run('a')).progress, null);
  });

  fact('progress and log lines of a lease that no longer counts are dropped', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await first.retry(0);
    await stage.clock.run(10);
    const second = await stage.delivery('a', 2);
    const before = stage.events.length;
    stage.backend.progress(first.lease, { done: 9, total: null, note: null });
    stage.backend.log(first.lease, { level: 'info', message: 'late' });
    await second.complete();
    stage.backend.progress(second.lease, { done: 9, total: null, note: null });
    stage.backend.log(second.lease, { level: 'info', message: 'late' });
    await quiet(stage.clock);
    assert.deepEqual(
      stage.events.slice(before).map(({ type }) => type),
      ['run:completed'],
    );
    assert.equal((await stage.run('a')).progress, null);
  });
}
