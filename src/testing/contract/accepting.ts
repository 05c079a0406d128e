import assert from 'node:assert/strict';
import { refuses, until } from './assertions.js';
import { newRun } from './samples.js';
import type { Facts } from './suite.js';

/** What is promised of accepting runs: ids, conflicts, the limit of what waits. */
export function accepting({ fact }: Facts): void {
  fact('an accepted run is there, as it was asked for', async (stage) => {
    const { run, replayed } = await stage.accept('a', { tags: ['x'], owner: 'me', priority: 7, redriveOf: 'z' });
    assert.equal(replayed, false);
    assert.equal(run.id, 'a');
    const found = await stage.run('a');
    const { status, attempt, maxAttempts, priority, tags, owner, task, queue, redriveOf } = found;
    assert.deepEqual(
      { status, attempt, maxAttempts, priority, tags, owner, task, queue, redriveOf },
      {
        status: 'queued',
        attempt: 0,
        maxAttempts: 3,
        priority: 7,
        tags: ['x'],
        owner: 'me',
        task: 'task',
        queue: 'default',
        redriveOf: 'z',
      },
    );
    assert.equal(found.createdAt, stage.clock.now());
    assert.deepEqual((await stage.find('a')).input, { n: 1 });
  });

  fact('there is no run that nobody started', async (stage) => {
    assert.equal(await stage.backend.find('a'), undefined);
    assert.equal(await stage.backend.find('__proto__'), undefined);
    assert.equal(await stage.cancel('a'), undefined);
  });

  fact('an id like __proto__ is an id like any other', async (stage) => {
    stage.work();
    await (await stage.deliver('__proto__')).complete(1);
    assert.equal((await stage.run('__proto__')).result, 1);
  });

  fact('an active id is refused: the first run stays what it was', async (stage) => {
    await stage.accept('a');
    const details = await refuses('RUN_CONFLICT', () => stage.accept('a', { input: 'other' }));
    assert.equal(details['abandoned'], false);
    assert.deepEqual((await stage.find('a')).input, { n: 1 });
    stage.work();
    await stage.delivery('a');
    await refuses('RUN_CONFLICT', () => stage.accept('a'));
  });

  fact("an active id gives its run under ifActive: 'return'", async (stage) => {
    await stage.accept('a');
    const { run, replayed } = await stage.accept('a', { input: 'other' }, 'return');
    assert.equal(replayed, true);
    assert.deepEqual(run.input, { n: 1 });
  });

  fact('an ended id can be started again, and the new run shows nothing of the old one', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await first.complete('old');
    const old = await stage.run('a');
    await stage.accept('a', { delayMs: 1_000 });
    const fresh = await stage.run('a');
    assert.deepEqual([fresh.status, fresh.result, fresh.attempt, fresh.finishedAt], ['scheduled', undefined, 0, null]);
    assert(fresh.version > old.version, 'the seq of an id goes on growing');
    assert.equal((await stage.cancel('a'))?.result, undefined);
    await until(() => stage.forgotten.includes('a'), 'the old record to be forgotten');
  });

  fact('the order of acceptance tells runs apart, also those of one id within a millisecond', async (stage) => {
    stage.work();
    const { ordinal: first } = (await stage.accept('other')).run;
    await (await stage.deliver('a')).complete();
    const { ordinal: second } = await stage.find('a');
    const { run } = await stage.accept('a', { delayMs: 1_000 });
    assert(first < second && second < run.ordinal, `${first}, ${second}, ${run.ordinal} grow`);
    assert.equal(run.createdAt, stage.clock.now(), 'the time of acceptance is the time');
  });

  fact(
    'no more runs wait than the limit says, and one that runs does not count',
    async (stage) => {
      stage.work(() => (stage.deliveries.length < 1 ? 1 : 0));
      await stage.deliver('at-work');
      await stage.accept('a');
      await stage.accept('b', { delayMs: 5_000 });
      await refuses('QUEUE_FULL', () => stage.accept('c'));
      assert.equal(await stage.backend.find('c'), undefined);
      await stage.cancel('b');
      await stage.accept('c');
    },
    { queueLimit: 2 },
  );

  fact(
    "under ifActive: 'replace' an active id is refused, but no room comes first where its run holds none",
    async (stage) => {
      stage.work(() => (stage.deliveries.length < 1 ? 1 : 0));
      const running = await stage.deliver('a');
      await stage.accept('waits');
      await refuses('RUN_CONFLICT', () => stage.accept('waits', {}, 'replace'));
      await refuses('QUEUE_FULL', () => stage.accept('a', {}, 'replace'));
      assert.equal((await stage.run('a')).status, 'running');
      await stage.cancel('waits');
      await refuses('RUN_CONFLICT', () => stage.accept('a', {}, 'replace'));
      await running.complete();
      assert.equal((await stage.accept('a', {}, 'replace')).replayed, false);
    },
    { queueLimit: 1 },
  );

  fact('nothing is accepted after retire', async (stage) => {
    await stage.backend.retire();
    await refuses('MANAGER_CLOSED', () => stage.backend.accept(newRun('a'), 'error'));
  });
}
