import assert from 'node:assert/strict';
import type { IdempotencyClaim } from '../../ports/new-run.js';
import { isStillBefore, refuses } from './assertions.js';
import type { Facts } from './suite.js';

const claim = (fingerprint = 'f'): IdempotencyClaim => ({ key: 'k', fingerprint });

/** What is promised of idempotency keys. */
export function keys({ fact }: Facts): void {
  fact('the same key and fingerprint give the first run, also after it has ended', async (stage) => {
    stage.work();
    const first = await stage.deliver('a', { idempotency: claim() });
    assert.equal((await stage.accept('b', { idempotency: claim() })).run.id, 'a');
    await first.complete(5);
    const again = await stage.accept('c', { idempotency: claim() });
    assert.deepEqual([again.replayed, again.run.id, again.run.snapshot().result], [true, 'a', 5]);
    assert.equal(await stage.backend.find('b'), undefined);
    assert.equal(stage.order.length, 1);
  });

  fact('another fingerprint under the same key is refused', async (stage) => {
    await stage.accept('a', { idempotency: claim() });
    const details = await refuses('KEY_REUSED', () => stage.accept('b', { idempotency: claim('other') }));
    assert.equal(details['runId'], 'a');
  });

  fact('each owner has keys of its own', async (stage) => {
    await stage.accept('a', { idempotency: claim(), owner: 'me' });
    const other = await stage.accept('b', { idempotency: claim('other'), owner: 'you' });
    const nobody = await stage.accept('c', { idempotency: claim('third') });
    assert.deepEqual([other.run.id, nobody.run.id], ['b', 'c']);
  });

  fact('a run tells the key it was started with', async (stage) => {
    await stage.accept('a', { idempotency: claim() });
    assert.equal((await stage.find('a')).idempotencyKey, 'k');
  });

  fact('a start that is refused claims no key', async (stage) => {
    await stage.accept('a');
    await refuses('RUN_CONFLICT', () => stage.accept('a', { idempotency: claim() }));
    assert.equal((await stage.accept('b', { idempotency: claim('other') })).run.id, 'b');
  });

  fact(
    'a key is kept for its time, and its run with it',
    async (stage) => {
      stage.work();
      const delivery = await stage.deliver('a', { idempotency: claim() });
      const wait = { begunAt: stage.clock.monotonic(), waitMs: 2_000 };
      await delivery.complete();
      if (await isStillBefore(stage.clock, 1_500, wait))
        assert.equal((await stage.accept('b', { idempotency: claim() })).run.id, 'a');
      await stage.clock.run(1_000);
      assert.equal((await stage.accept('b', { idempotency: claim('other') })).run.id, 'b');
    },
    { retention: { keepKeyMs: 2_000, keepResultMs: 100 } },
  );

  fact(
    'a key is kept until its run has ended, however long that takes',
    async (stage) => {
      const worker = stage.work();
      await stage.accept('a', { idempotency: claim(), delayMs: 5_000 });
      await stage.clock.run(4_000);
      assert.equal((await stage.accept('b', { idempotency: claim() })).run.id, 'a');
      await stage.clock.run(1_500);
      const delivery = await stage.delivery('a');
      assert.equal((await stage.accept('b', { idempotency: claim() })).run.id, 'a');
      await delivery.complete();
      assert.equal((await stage.accept('b', { idempotency: claim('other') })).run.id, 'b');
      worker.stop();
    },
    { retention: { keepKeyMs: 1_000 } },
  );

  fact(
    'no more keys are kept than the limit says: the oldest goes whose run has ended',
    async (stage) => {
      stage.work();
      const key = (name: string) => ({ idempotency: { key: name, fingerprint: 'f' } });
      const active = await stage.deliver('active', key('1'));
      await (await stage.deliver('first', key('2'))).complete();
      await (await stage.deliver('second', key('3'))).complete();
      assert.equal((await stage.accept('third', key('4'))).replayed, false);
      assert.equal((await stage.accept('x', key('1'))).run.id, 'active');
      assert.equal((await stage.accept('x', key('3'))).run.id, 'second');
      assert.equal((await stage.accept('fourth', key('2'))).replayed, false);
      assert.equal((await stage.run('second')).status, 'completed', 'the run itself stays as long as any other');
      await active.complete();
    },
    { retention: { maxKeys: 3 } },
  );

  fact(
    'no further key is taken where the runs of all keys are active',
    async (stage) => {
      stage.work();
      const delivery = await stage.deliver('a', { idempotency: claim() });
      const second = { key: 'second', fingerprint: 'f' };
      await refuses('QUEUE_FULL', () => stage.accept('b', { idempotency: second }));
      assert.equal((await stage.accept('c', { idempotency: claim() })).run.id, 'a');
      await delivery.complete();
      await stage.deliver('b', { idempotency: second });
      await refuses('QUEUE_FULL', () => stage.accept('c', { idempotency: claim() }));
    },
    { retention: { maxKeys: 1 } },
  );

  fact(
    'a start that is refused takes no room for its key',
    async (stage) => {
      stage.work(() => (stage.deliveries.length < 1 ? 1 : 0));
      await (await stage.deliver('a', { idempotency: claim() })).complete();
      await stage.accept('waits');
      await refuses('QUEUE_FULL', () => stage.accept('b', { idempotency: { key: 'second', fingerprint: 'f' } }));
      assert.equal((await stage.accept('c', { idempotency: claim() })).run.id, 'a');
    },
    { queueLimit: 1, retention: { maxKeys: 1 } },
  );
}
