import assert from 'node:assert/strict';
import { until } from './assertions.js';
import type { Delivery } from './delivery.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

/** What is promised of the steps of a run. */
export function steps({ fact }: Facts): void {
  fact('a run has none until one is kept, and then those that were, as they were given', async (stage) => {
    stage.work();
    const { lease } = await stage.deliver('a');
    assert.deepEqual(await stage.backend.stepsOf(lease), new Map());
    const texts = new Map([
      ['first', '{"n":1}'],
      ['a key: ☂', 'é ☂ 𝄞\n"'],
      ['__proto__', 'x'.repeat(100_000)],
    ]);
    for (const [key, text] of texts) assert.equal(await stage.backend.keepStep(lease, key, text), text);
    assert.deepEqual(new Map(await stage.backend.stepsOf(lease)), texts);
  });

  fact('the first text of a key stays, also where two come at once', async (stage) => {
    stage.work();
    const { lease } = await stage.deliver('a');
    const keep = async (key: string, text: string) => stage.backend.keepStep(lease, key, text);
    assert.deepEqual([await keep('a', '1'), await keep('a', '2'), await keep('b', '3')], ['1', '1', '3']);
    const [one, other] = await Promise.all([keep('c', '4'), keep('c', '5')]);
    assert(one === other && (one === '4' || one === '5'));
    assert.deepEqual(await kept(stage, { lease }), { a: '1', b: '3', c: one });
  });

  fact('they are there in the next attempt', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await stage.backend.keepStep(first.lease, 'one', '1');
    await first.retry(0);
    await stage.clock.run(10);
    const second = await stage.delivery('a', 2);
    assert.deepEqual(await kept(stage, second), { one: '1' });
    assert.equal(await stage.backend.keepStep(second.lease, 'one', 'again'), '1');
    assert.equal(await stage.backend.keepStep(second.lease, 'two', '2'), '2');
    assert.deepEqual(await kept(stage, second), { one: '1', two: '2' });
  });

  fact('a lease that is no longer valid keeps none, and has none', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await stage.backend.keepStep(first.lease, 'one', '1');
    await first.retry(0);
    assert.equal(await stage.backend.keepStep(first.lease, 'waits', '2'), undefined);
    await stage.clock.run(10);
    const second = await stage.delivery('a', 2);
    assert.equal(await stage.backend.keepStep(first.lease, 'stale', '3'), undefined);
    assert.deepEqual([await kept(stage, first), await kept(stage, second)], [{}, { one: '1' }]);
    await second.complete();
    assert.equal(await stage.backend.keepStep(second.lease, 'late', '4'), undefined);
    assert.deepEqual(await kept(stage, second), {});
  });

  fact('a handler whose attempt was ended without it keeps none', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    await delivery.retry(60_000, { held: true });
    assert.equal(await stage.backend.keepStep(delivery.lease, 'held', '1'), undefined);
    assert.deepEqual(await kept(stage, delivery), {});
  });

  fact('a run that is to be cancelled still keeps them', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    await stage.backend.keepStep(delivery.lease, 'one', '1');
    await stage.cancel('a');
    assert.equal(await stage.backend.keepStep(delivery.lease, 'two', '2'), '2');
    assert.deepEqual(await kept(stage, delivery), { one: '1', two: '2' });
  });

  fact('each run has its own', async (stage) => {
    stage.work();
    const [a, b] = [await stage.deliver('a'), await stage.deliver('b')];
    await stage.backend.keepStep(a.lease, 'same', 'of a');
    assert.equal(await stage.backend.keepStep(b.lease, 'same', 'of b'), 'of b');
    await b.complete();
    assert.deepEqual(await kept(stage, a), { same: 'of a' });
  });

  fact('a later run of the same id has none, however the run before has ended', async (stage) => {
    stage.work();
    const ends: ((delivery: Delivery) => Promise<unknown>)[] = [
      (delivery) => delivery.complete(),
      (delivery) => delivery.fail(),
      (delivery) => stage.cancel('a').then(() => delivery.settle({ type: 'cancelled' })),
    ];
    for (const [earlier, end] of ends.entries()) {
      await stage.accept('a');
      const delivery = await stage.delivery('a', earlier + 1);
      assert.deepEqual(await kept(stage, delivery), {});
      await stage.backend.keepStep(delivery.lease, 'one', '1');
      await end(delivery);
    }
  });
}

/** What is promised of them after their process has died. */
export function stepsAfterRestart({ fact }: Facts): void {
  fact('steps that were kept are there, and crashes are counted anew from each', async (stage) => {
    stage.work();
    const first = await stage.deliver('a', { maxCrashes: 1 });
    await stage.backend.keepStep(first.lease, 'one', '1');
    const second = await stage.reopen();
    second.work();
    const again = await second.delivery('a');
    assert.deepEqual(await kept(second, again), { one: '1' });
    assert.equal(await second.backend.keepStep(again.lease, 'two', '2'), '2');
    const third = await second.reopen();
    third.work();
    const last = await third.delivery('a');
    assert.deepEqual(await kept(third, last), { one: '1', two: '2' });
    assert.equal(await third.backend.keepStep(last.lease, 'one', 'again'), '1');
  });

  fact('a run that waits for its next attempt has its steps then', async (stage) => {
    stage.work();
    const first = await stage.deliver('a');
    await stage.backend.keepStep(first.lease, 'one', '1');
    await first.retry(500);
    const next = await stage.reopen();
    next.work();
    await next.clock.run(1_000);
    assert.deepEqual(await kept(next, await next.delivery('a')), { one: '1' });
  });
}

/** What is promised of them where a process is taken for dead and is not. */
export function stepsAfterLoss({ fact }: Facts): void {
  fact('the new holder has the steps that were kept before, and the old one keeps none', async (stage) => {
    stage.work();
    const old = await stage.deliver('a', { maxCrashes: 1 });
    await stage.backend.keepStep(old.lease, 'one', '1');
    await stage.lose(old.lease);
    const fresh = await stage.delivery('a', 2);
    await until(() => old.losses > 0, 'the holder to be told');
    assert.equal(await stage.backend.keepStep(old.lease, 'stale', '2'), undefined);
    assert.deepEqual([await kept(stage, old), await kept(stage, fresh)], [{}, { one: '1' }]);
    assert.equal(await stage.backend.keepStep(fresh.lease, 'stale', 'fresh'), 'fresh');
    // A second loss: without the step between them these would be more crashes than it may take.
    await stage.lose(fresh.lease);
    assert.deepEqual(await kept(stage, await stage.delivery('a', 3)), { one: '1', stale: 'fresh' });
  });
}

async function kept(stage: Stage, { lease }: Pick<Delivery, 'lease'>): Promise<Record<string, string>> {
  return Object.fromEntries(await stage.backend.stepsOf(lease));
}
