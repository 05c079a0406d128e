import assert from 'node:assert/strict';
import type { StoredRun } from '../../ports/backend.js';
import type { RunParent } from '../../ports/new-run.js';
import { childOf } from './samples.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

/** What is promised of runs that are children of others. */
export function children({ fact }: Facts): void {
  fact('a run says whose child it is, and a hard limit of its own; others are nobody’s', async (stage) => {
    const { run: parent } = await stage.accept('p');
    const whose: RunParent = { ...childOf(parent), depth: 7, key: 'a key: ☂' };
    const { run } = await stage.accept('c', { parent: whose, hardLimitMs: 90_000 });
    for (const child of [run, await stage.find('c'), ...(await stage.backend.childrenOf(parent, 'all'))])
      assert.deepEqual([child.parent, child.hardLimitMs, child.snapshot().parentId], [whose, 90_000, 'p']);
    const other = await stage.find('p');
    assert.deepEqual([other.parent, other.hardLimitMs, other.snapshot().parentId], [null, null, null]);
  });

  fact('they are found through their parent in the order of acceptance, ended ones too', async (stage) => {
    stage.work();
    const { run: parent } = await stage.deliver('p');
    const { run: stranger } = await stage.deliver('stranger');
    assert.deepEqual(await all(stage, parent), []);
    const first = await stage.deliver('z', { parent: childOf(parent) });
    await stage.deliver('other', { parent: childOf(stranger) });
    await stage.accept('y', { parent: childOf(parent), delayMs: 60_000 });
    await stage.deliver('grandchild', { parent: { ...childOf(first.run), depth: 2 } });
    await (await stage.deliver('x', { parent: childOf(parent) })).fail();
    await first.complete({ n: 1 });
    assert.deepEqual(await all(stage, parent), ['z completed', 'y scheduled', 'x failed']);
    assert.deepEqual(await all(stage, stranger), ['other running']);
    assert.deepEqual(await all(stage, first.run), ['grandchild running']);
    const [ended] = await stage.backend.childrenOf(parent, 'all');
    assert.deepEqual(ended?.snapshot().result, { n: 1 });
  });

  fact('unended ones are those that have no final status', async (stage) => {
    stage.work();
    const { run: parent } = await stage.deliver('p');
    const ends = await stage.deliver('ends', { parent: childOf(parent) });
    const held = await stage.deliver('held', { parent: childOf(parent) });
    await stage.deliver('works', { parent: childOf(parent) });
    await stage.accept('cancelled', { parent: childOf(parent), delayMs: 60_000 });
    await stage.accept('waits', { parent: childOf(parent), delayMs: 60_000 });
    assert.equal((await unended(stage, parent)).length, 5);
    await ends.complete();
    await held.fail(true);
    await stage.cancel('cancelled');
    assert.deepEqual(await unended(stage, parent), ['works running', 'waits scheduled']);
    await held.release();
    assert.deepEqual(await unended(stage, parent), ['works running', 'waits scheduled']);
    assert.equal((await all(stage, parent)).length, 5);
  });

  fact('they are not those of an earlier run of the same id', async (stage) => {
    stage.work();
    const first = await stage.deliver('p');
    await stage.accept('old', { parent: childOf(first.run), delayMs: 60_000 });
    await first.complete();
    const { run: second } = await stage.accept('p', { delayMs: 60_000 });
    assert.deepEqual(await all(stage, second), []);
    await stage.accept('new', { parent: childOf(second), delayMs: 60_000 });
    assert.deepEqual(await all(stage, second), ['new scheduled']);
    assert.deepEqual(await unended(stage, second), ['new scheduled']);
  });

  fact('a child whose id another run has taken is none any more', async (stage) => {
    stage.work();
    const { run: parent } = await stage.deliver('p');
    // Its record stays for its key.
    const idempotency = { key: 'k', fingerprint: 'f' };
    await (await stage.deliver('c', { parent: childOf(parent), idempotency })).complete();
    await stage.accept('later', { parent: childOf(parent), delayMs: 60_000 });
    await stage.accept('c', { delayMs: 60_000 });
    assert.deepEqual(await all(stage, parent), ['later scheduled']);
    await stage.cancel('c');
    await stage.accept('c', { parent: childOf(parent), delayMs: 60_000 });
    assert.deepEqual(await all(stage, parent), ['later scheduled', 'c scheduled']);
  });

  fact('one that is given again is there once', async (stage) => {
    const { run: parent } = await stage.accept('p');
    const child = { parent: childOf(parent), delayMs: 60_000 };
    await stage.accept('c', child);
    assert.equal((await stage.accept('c', child, 'return')).replayed, true);
    assert.deepEqual(await all(stage, parent), ['c scheduled']);
  });
}

/** What is promised of them after their process has died. */
export function childrenAfterRestart({ fact }: Facts): void {
  fact('children and parents find each other again', async (stage) => {
    stage.work();
    const { run: parent } = await stage.deliver('p');
    const whose: RunParent = { ...childOf(parent), key: 'k' };
    await (await stage.deliver('ended', { parent: whose })).complete('kept');
    await stage.deliver('works', { parent: childOf(parent), hardLimitMs: 90_000 });
    await stage.accept('waits', { parent: childOf(parent), delayMs: 60_000 });
    const next = await stage.reopen();
    const again = await next.find('p');
    const [ended, works, waits, ...more] = await next.backend.childrenOf(again, 'all');
    assert.deepEqual([ended?.id, works?.id, waits?.id, more], ['ended', 'works', 'waits', []]);
    assert.deepEqual([ended?.parent, ended?.snapshot().result, works?.hardLimitMs], [whose, 'kept', 90_000]);
    assert.equal((await next.run('waits')).parentId, 'p');
    const left = await next.backend.childrenOf(again, 'unended');
    assert.deepEqual(
      left.map(({ id }) => id),
      ['works', 'waits'],
    );
    await next.accept('new', { parent: childOf(again), delayMs: 60_000 });
    assert.equal((await all(next, again)).at(-1), 'new scheduled');
  });

  fact('children whose parent has ended are found through it, too', async (stage) => {
    stage.work();
    const parent = await stage.deliver('p');
    await stage.accept('c', { parent: childOf(parent.run), delayMs: 60_000 });
    await parent.fail();
    const next = await stage.reopen();
    const ended = await next.find('p');
    assert.deepEqual([await unended(next, ended), await all(next, ended)], [['c scheduled'], ['c scheduled']]);
    await next.cancel('c');
    assert.deepEqual([await unended(next, ended), await all(next, ended)], [[], ['c cancelled']]);
  });
}

function all(stage: Stage, parent: StoredRun): Promise<string[]> {
  return told(stage, parent, 'all');
}

function unended(stage: Stage, parent: StoredRun): Promise<string[]> {
  return told(stage, parent, 'unended');
}

async function told(stage: Stage, parent: StoredRun, which: 'all' | 'unended'): Promise<string[]> {
  const found = await stage.backend.childrenOf(parent, which);
  return found.map(({ id, status }) => `${id} ${status}`);
}
