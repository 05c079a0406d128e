import assert from 'node:assert/strict';
import { until } from './assertions.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

/** What is promised of how long runs are kept, and of what retire leaves. */
export function keeping({ fact }: Facts): void {
  fact(
    'ended runs go when they are too old, failed ones by a time of their own',
    async (stage) => {
      stage.work();
      await (await stage.deliver('broken')).fail();
      await (await stage.deliver('done')).complete();
      await stage.accept('waits', { delayMs: 60_000 });
      await stage.clock.run(1_500);
      await until(() => stage.forgotten.length > 0, 'the finished run to go');
      assert.deepEqual(stage.forgotten, ['done']);
      assert.equal(await stage.backend.find('done'), undefined);
      await stage.clock.run(2_000);
      await until(() => stage.forgotten.length > 1, 'the failed run to go');
      assert.deepEqual(stage.forgotten, ['done', 'broken']);
      assert.equal((await stage.run('waits')).status, 'scheduled');
    },
    { retention: { keepResultMs: 1_000, keepFailedMs: 3_000 } },
  );

  fact(
    'ended runs go when they are too many, the oldest first, failed ones by a number of their own',
    async (stage) => {
      stage.work();
      await (await stage.deliver('broken')).fail();
      for (const id of ['a', 'b', 'c']) await (await stage.deliver(id)).complete();
      await until(() => stage.forgotten.length > 0, 'the oldest to go');
      assert.deepEqual(stage.forgotten, ['a']);
      assert.equal((await stage.run('broken')).status, 'failed');
      await (await stage.deliver('broken-too')).fail();
      await until(() => stage.forgotten.length > 1, 'the older failed run to go');
      assert.deepEqual(stage.forgotten, ['a', 'broken']);
    },
    { retention: { maxFinished: 2, maxFailed: 1 } },
  );

  fact(
    'a run is kept while a handler of it is at work',
    async (stage) => {
      stage.work();
      const delivery = await stage.deliver('a');
      await delivery.fail(true);
      await stage.clock.run(2_000);
      assert.equal((await stage.run('a')).abandoned, true);
      await delivery.release();
      await stage.clock.run(2_000);
      await until(() => stage.forgotten.includes('a'), 'the run to go');
    },
    { retention: { keepFailedMs: 1_000 } },
  );

  fact(
    'retire keeps waiting runs where they are durable, cancels them where they are not, and counts them',
    async (stage) => {
      const worker = stage.work(() => (stage.deliveries.length < 2 ? 1 : 0));
      const running = await stage.deliver('running');
      await (await stage.deliver('retrying')).retry(60_000);
      await stage.accept('queued');
      await stage.accept('scheduled', { delayMs: 60_000 });
      worker.stop();
      assert.equal(await stage.backend.retire(), 3);
      for (const id of ['retrying', 'queued', 'scheduled']) await isRetired(stage, id);
      assert.equal((await stage.run('running')).status, 'running');
      assert.equal(await running.complete(), true);
      assert.equal((await stage.run('running')).status, 'completed');
    },
  );
}

async function isRetired(stage: Stage, id: string): Promise<void> {
  const { status, cancelReason } = await stage.run(id);
  if (stage.backend.durable) assert.equal(status, id);
  else assert.deepEqual([status, cancelReason], ['cancelled', 'closed']);
}
