import assert from 'node:assert/strict';
import type { RunEvent } from '../../task/run-event.js';
import { canMove, isFinal } from '../../task/status.js';
import { quiet, until } from './assertions.js';
import type { Facts } from './suite.js';

/** What is promised to whoever watches a run or listens to events. */
export function watching({ fact }: Facts): void {
  fact('everybody who watches is told once, with the run as it ended', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    const told: unknown[] = [];
    for (let n = 0; n < 3; n += 1) {
      stage.backend.watch(delivery.run, 'final', ({ status, result }) => told.push([n, status, result]));
    }
    await quiet(stage.clock);
    assert.deepEqual(told, []);
    await delivery.complete(1);
    await until(() => told.length === 3, 'everybody to be told');
    assert.deepEqual(
      told,
      [0, 1, 2].map((n) => [n, 'completed', 1]),
    );
  });

  fact('whoever watches an ended run is told in the same turn', async (stage) => {
    stage.work();
    await (await stage.deliver('a')).complete();
    const run = await stage.find('a');
    const told: string[] = [];
    stage.backend.watch(run, 'final', () => told.push('final'));
    stage.backend.watch(run, 'free', () => told.push('free'));
    assert.deepEqual(told, ['final', 'free']);
  });

  fact('whoever unwatches is not told, and the others are', async (stage) => {
    stage.work();
    const delivery = await stage.deliver('a');
    const { run } = delivery;
    const told: string[] = [];
    const watchers = ['x', 'y', 'z'].map((name) => () => void told.push(name));
    for (const moment of ['final', 'free'] as const) {
      for (const watcher of watchers) stage.backend.watch(run, moment, watcher);
      const second = watchers[1];
      assert(second);
      stage.backend.unwatch(run, moment, second);
    }
    stage.backend.unwatch(run, 'final', () => undefined);
    await delivery.complete();
    await until(() => told.length >= 4, 'the others to be told');
    assert.deepEqual(told, ['x', 'z', 'x', 'z']);
  });

  fact('events follow the table of transitions, their seq grows, and none follows the final one', async (stage) => {
    stage.work();
    await stage.accept('a', { delayMs: 200 });
    await stage.clock.run(210);
    const first = await stage.delivery('a');
    stage.backend.progress(first.lease, { done: 1, total: null, note: null });
    await first.retry(10);
    await stage.clock.run(20);
    const second = await stage.delivery('a', 2);
    await stage.cancel('a');
    await second.settle({ type: 'cancelled' }, true);
    await stage.cancel('a');
    await second.release();
    await quiet(stage.clock);
    const told = stage.events.filter(({ runId }) => runId === 'a');
    assertLife(told);
    const steps = [
      'scheduled',
      'queued',
      'started',
      'progress',
      'retrying',
      'queued',
      'started',
      'cancelling',
      'cancelled',
    ];
    assert.deepEqual(
      told.map(({ type }) => type),
      steps.map((step) => `run:${step}`),
    );
    assert.equal(told.at(-1)?.seq, (await stage.run('a')).version);
  });

  fact('the events of one run are told to whoever listens to it, until it unsubscribes', async (stage) => {
    stage.work();
    const { run } = await stage.accept('a', { delayMs: 10 });
    const told: string[] = [];
    const unsubscribe = stage.backend.subscribe(run, ({ type, runId }) => told.push(`${runId} ${type}`));
    await stage.deliver('b');
    await stage.clock.run(20);
    const delivery = await stage.delivery('a');
    unsubscribe();
    unsubscribe();
    await delivery.complete();
    await quiet(stage.clock);
    assert.deepEqual(told, ['a run:queued', 'a run:started']);
  });
}

/** Asserts that these are the events of one run, from its acceptance to its end. */
function assertLife(events: readonly RunEvent[]): void {
  for (const [at, event] of events.entries()) {
    const before = events[at - 1];
    if (before === undefined) continue;
    assert(event.seq > before.seq, `seq ${event.seq} after ${before.seq}`);
    assert(!isFinal(before.status), `${event.type} after the final event`);
    if (event.status === before.status) continue;
    assert(canMove(before.status, event.status), `${before.status} → ${event.status}`);
  }
}
