import assert from 'node:assert/strict';
import { describe, it } from '@jest/globals';
import { REQUEST } from '../../../src/testing/contract/samples.js';
import { isFinal } from '../../../src/task/status.js';
import { until } from '../../until.js';
import { fleetGrounds } from './fleet-ground.js';
import type { Member } from './fleet-member.js';
import { withFleet } from './fleet.js';

const grounds = await fleetGrounds();
const LONG_LOCK = { lockMs: 10_000 };
/** How long a run waits for a process that nobody tells of it: see `Pumps`. */
const LOOK_AGAIN_MS = 5_000;

/** Completes whatever is at work. */
function endAll(worker: Member): void {
  for (const delivery of worker.deliveries) {
    if (delivery.begun !== 1) continue;
    delivery.begun = 0;
    void worker.complete(delivery);
  }
}

/** Lets runs end in one process until the other hears of it: a while passes before the first knows that somebody listens. */
async function whenHeard(front: Member, worker: Member): Promise<void> {
  const hears = () => front.events.some(({ type }) => type === 'run:completed');
  for (let n = 0; !hears(); n += 1) {
    await front.accept(`before-${n}`);
    await worker.complete(await worker.delivery(`before-${n}`));
  }
}

describe.each(grounds)('$name', (ground) =>
  ground.describe('processes of a fleet', () => {
    it('a run that one has accepted begins in another, which tells the first how it ended', () =>
      withFleet(ground, LONG_LOCK, async (front, worker) => {
        worker.work(1);
        await whenHeard(front, worker);
        await front.accept('a');
        await worker.complete(await worker.delivery('a'), { n: 1 });
        const ended = await front.backend.find('a');
        assert.deepEqual([ended?.status, ended?.snapshot().result], ['completed', { n: 1 }]);
        const told = () => front.events.filter(({ runId }) => runId === 'a').map(({ type }) => type);
        await until(() => told().includes('run:completed'), 'the first to be told');
        // That it was queued may be overtaken by its start.
        assert.deepEqual(told().slice(-2), ['run:started', 'run:completed']);
      }));

    it('a run goes at once to the process that has a slot, also where another was woken for it', () =>
      withFleet(ground, LONG_LOCK, async (full, free) => {
        full.work(1);
        await full.accept('known');
        await full.complete(await full.delivery('known'));
        // It waits for runs of both tasks when it has a slot for neither any more.
        await full.accept('stays', { task: 'other' });
        await full.delivery('stays');
        free.work(5);
        const begunAt = performance.now();
        for (const id of ['a', 'b', 'c']) {
          await full.accept(id);
          await free.delivery(id);
        }
        assert(performance.now() - begunAt < LOOK_AGAIN_MS, 'nobody had to look again for want of a word');
        assert.equal(full.mostAtWork, 1);
      }));

    it('a cancel reaches the handler in another process', () =>
      withFleet(ground, LONG_LOCK, async (front, worker) => {
        worker.work(1);
        await front.accept('a');
        const delivery = await worker.delivery('a');
        assert.equal((await front.backend.cancel('a', REQUEST))?.status, 'cancelling');
        await until(() => delivery.cancels.length > 0, 'the handler to be told');
        await delivery.fail();
        assert.equal(await front.status('a'), 'cancelled');
      }));

    it('a cancel is told before the end, however fast the handler is', () =>
      withFleet(ground, LONG_LOCK, async (front, worker) => {
        worker.work(40);
        const ids = Array.from({ length: 40 }, (_, n) => `run-${n}`);
        for (const id of ids) await front.accept(id);
        const deliveries = await Promise.all(ids.map((id) => worker.delivery(id)));
        const cancelled = ids.map((id) => front.backend.cancel(id, REQUEST));
        const ended = deliveries.map(async (delivery) => {
          await until(() => delivery.cancels.length > 0, 'the handler to be told');
          await delivery.fail();
        });
        await Promise.all([...cancelled, ...ended]);
        for (const { events } of [front, worker]) {
          const toldOf = (id: string) => events.filter(({ runId }) => runId === id).map(({ type }) => type);
          for (const id of ids) {
            await until(() => toldOf(id).at(-1) === 'run:cancelled', `the end of ${id} to be told`);
            assert.deepEqual(toldOf(id).slice(-2), ['run:cancelling', 'run:cancelled']);
            assert.equal(toldOf(id).filter((type) => type === 'run:cancelling').length, 1);
          }
        }
      }));

    it('what was answered as cancelled never begins, and what began is cancelled, whoever is faster', () =>
      withFleet(ground, LONG_LOCK, async (front, worker) => {
        worker.work(3);
        const ids = Array.from({ length: 150 }, (_, n) => `run-${n}`);
        const ending = setInterval(() => endAll(worker), 2);
        const answers = await Promise.all(
          ids.map(async (id) => {
            await front.accept(id);
            return (await front.backend.cancel(id, REQUEST))?.snapshot();
          }),
        );
        const isOver = async (id: string): Promise<boolean> =>
          isFinal((await front.backend.find(id))?.status ?? 'queued');
        for (const id of ids) await until(() => isOver(id), `${id} to end`);
        clearInterval(ending);
        const begun = new Set(worker.deliveries.map(({ run }) => run.id));
        for (const [n, id] of ids.entries()) {
          const { status, startedAt } = answers[n] ?? {};
          if (status === 'cancelled') assert.equal(startedAt !== null, begun.has(id), `${id} was cancelled, and begun`);
          const expected = status === 'completed' ? 'completed' : 'cancelled';
          assert.equal(await front.status(id), expected, `${id} was told to be ${status}`);
        }
        assert(worker.mostAtWork <= 3);
      }));

    it('what a handler has done is kept where the server was away when it ended', () =>
      withFleet(ground, LONG_LOCK, async (front, worker) => {
        worker.work(1);
        await front.accept('a');
        const delivery = await worker.delivery('a');
        worker.proxy.drop();
        const settled = worker.complete(delivery, 'kept');
        await assert.rejects(worker.backend.find('a'), { code: 'BACKEND' });
        worker.proxy.restore();
        assert.equal(await settled, true);
        assert.equal((await front.backend.find('a'))?.snapshot().result, 'kept');
      }));

    it('a run is kept as it ended where the answer to that was lost', () =>
      withFleet(ground, LONG_LOCK, async (front, worker) => {
        worker.work(1);
        await front.accept('a');
        const delivery = await worker.delivery('a');
        worker.proxy.delay(300);
        const settled = worker.complete(delivery, 'kept');
        await until(async () => (await front.status('a')) === 'completed', 'the server to know');
        worker.proxy.cut();
        worker.proxy.delay(0);
        assert.equal(await settled, true);
      }));

    it('a process that is cut off gives its runs up before another can have them, without a word of the server', () =>
      withFleet(ground, {}, async (cutOff, other) => {
        cutOff.work(1);
        await cutOff.accept('a');
        const delivery = await cutOff.delivery('a');
        other.work(1);
        cutOff.proxy.swallow();
        await until(() => delivery.losses > 0 || other.deliveries.length > 0, 'the run to be lost');
        assert.deepEqual([delivery.losses, other.deliveries.length], [1, 0]);
        assert.equal(await delivery.complete('late'), false);
        await other.complete(await other.delivery('a'), 'kept');
        assert.equal(delivery.losses, 1);
      }));

    it('a process whose event loop was blocked for too long gives its runs up before anything else', () =>
      withFleet(ground, { lockMs: 600 }, async (blocked, other) => {
        blocked.work(1);
        await blocked.accept('a');
        const delivery = await blocked.delivery('a');
        const begunAt = performance.now();
        while (performance.now() - begunAt < 700);
        await new Promise((resolve) => setTimeout(resolve, 0));
        assert.equal(delivery.losses, 1);
        other.work(1);
        assert.equal((await other.delivery('a')).run.attempt, 1);
      }));

    it('a run of a process that has died begins in another with the same attempt', () =>
      withFleet(ground, {}, async (dying, other) => {
        dying.work(1);
        await dying.accept('a');
        await dying.delivery('a');
        other.work(1);
        dying.proxy.drop();
        const again = await other.delivery('a');
        assert.equal(again.run.attempt, 1);
        dying.proxy.restore();
        await until(() => dying.deliveries[0]?.losses === 1, 'the first to be told that it has lost it');
        assert.equal(await dying.deliveries[0]?.complete('late'), false);
        await other.complete(again, 'kept');
        assert.equal((await other.backend.find('a'))?.snapshot().result, 'kept');
      }));
  }),
);
