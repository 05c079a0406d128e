import assert from 'node:assert/strict';
import { refuses } from './assertions.js';
import { EVERY_RUN, newRun } from './samples.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

/** What is promised of starting failed runs again. */
export function redriving({ fact }: Facts): void {
  fact('a redriven run stays failed, names its successor and leaves the dead letters', async (stage) => {
    await failed(stage, 'a');
    assert.deepEqual(await deadLetters(stage), ['a']);
    const { run, replayed } = await stage.backend.redrive(await stage.find('a'), { ...newRun('b'), redriveOf: 'a' });
    assert.deepEqual([run.id, replayed, (await stage.run('b')).redriveOf], ['b', false, 'a']);
    const old = await stage.run('a');
    assert.deepEqual([old.status, old.redrivenBy], ['failed', 'b']);
    assert.deepEqual(await deadLetters(stage), []);
    await stage.delivery('b');
  });

  fact('a run is redriven once', async (stage) => {
    await failed(stage, 'a');
    await stage.backend.redrive(await stage.find('a'), newRun('b'));
    const details = await refuses('RUN_CONFLICT', async () =>
      stage.backend.redrive(await stage.find('a'), newRun('c')),
    );
    assert.equal(details['redrivenBy'], 'b');
    assert.equal(await stage.backend.find('c'), undefined);
  });

  fact('only failed runs are redriven', async (stage) => {
    stage.work();
    await (await stage.deliver('a')).complete();
    await stage.accept('b', { delayMs: 1_000 });
    for (const id of ['a', 'b']) {
      await refuses('RUN_CONFLICT', async () => stage.backend.redrive(await stage.find(id), newRun('c')));
    }
    assert.equal(await stage.backend.find('c'), undefined);
  });

  fact(
    'a redrive that is refused marks nothing',
    async (stage) => {
      await failed(stage, 'a');
      await stage.accept('b', { delayMs: 60_000 });
      await refuses('QUEUE_FULL', async () => stage.backend.redrive(await stage.find('a'), newRun('c')));
      assert.equal((await stage.run('a')).redrivenBy, null);
      assert.deepEqual(await deadLetters(stage), ['a']);
    },
    { queueLimit: 1 },
  );
}

async function failed(stage: Stage, id: string): Promise<void> {
  stage.work();
  await (await stage.deliver(id)).fail();
}

async function deadLetters(stage: Stage): Promise<string[]> {
  const { items } = await stage.backend.list({ ...EVERY_RUN, deadLetters: true });
  return items.map(({ id }) => id);
}
