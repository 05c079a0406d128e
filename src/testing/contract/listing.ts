import assert from 'node:assert/strict';
import type { RunFilter } from '../../ports/backend.js';
import { RUN_STATUSES } from '../../task/status.js';
import { EVERY_RUN } from './samples.js';
import type { Stage } from './stage.js';
import type { Facts } from './suite.js';

/** What is promised of lists, pages and counts. */
export function listing({ fact }: Facts): void {
  fact('runs are listed newest first', async (stage) => {
    for (const id of ['a', 'b', 'c']) await stage.accept(id);
    assert.deepEqual(await ids(stage, {}), ['c', 'b', 'a']);
  });

  fact('every filter narrows the list, and together they narrow it further', async (stage) => {
    stage.work((_kind, task) => (task === 'works' ? 1 : 0));
    await (await stage.deliver('done', { task: 'works', tags: ['red', 'blue'] })).complete();
    await (await stage.deliver('broken', { task: 'works', owner: 'me' })).fail();
    await stage.accept('waits', { tags: ['red'], owner: 'me' });
    await stage.accept('ad-hoc', { task: null });
    assert.deepEqual(await ids(stage, { status: ['completed', 'failed'] }), ['broken', 'done']);
    assert.deepEqual(await ids(stage, { task: 'works' }), ['broken', 'done']);
    assert.deepEqual(await ids(stage, { tag: 'red' }), ['waits', 'done']);
    assert.deepEqual(await ids(stage, { owner: 'me' }), ['waits', 'broken']);
    assert.deepEqual(await ids(stage, { owner: 'me', status: ['queued'] }), ['waits']);
    assert.deepEqual(await ids(stage, { deadLetters: true }), ['broken']);
    assert.deepEqual(await ids(stage, { tag: 'green' }), []);
  });

  fact('pages follow one another without gaps or repeats, also when runs come and go meanwhile', async (stage) => {
    for (let n = 0; n < 7; n += 1) await stage.accept(`run-${n}`);
    const first = await stage.backend.list({ ...EVERY_RUN, limit: 3 });
    assert.equal(first.items.length, 3);
    await stage.accept('newer');
    await stage.cancel('run-6');
    const seen = first.items.map(({ id }) => id);
    let { nextCursor } = first;
    for (let pages = 0; nextCursor !== undefined && pages < 10; pages += 1) {
      const page = await stage.backend.list({ ...EVERY_RUN, limit: 3, cursor: nextCursor });
      seen.push(...page.items.map(({ id }) => id));
      nextCursor = page.nextCursor;
    }
    assert.deepEqual(seen, ['run-6', 'run-5', 'run-4', 'run-3', 'run-2', 'run-1', 'run-0']);
  });

  fact('a cursor that is none is refused', async (stage) => {
    await assert.rejects(async () => stage.backend.list({ ...EVERY_RUN, cursor: 'no cursor!' }), {
      name: 'RangeError',
    });
  });

  fact('counts say how many runs of each task have each status', async (stage) => {
    stage.work((_kind, task) => (task === 'works' ? 1 : 0));
    await (await stage.deliver('a', { task: 'works' })).complete();
    await (await stage.deliver('b', { task: 'works' })).fail();
    await stage.deliver('c', { task: 'works' });
    await stage.accept('d', { delayMs: 1_000 });
    await stage.accept('e', { queue: 'other' });
    await stage.accept('f', { task: null });
    await stage.cancel('f');
    assert.deepEqual(await counted(stage, 'works'), { completed: 1, failed: 1, running: 1 });
    assert.deepEqual(await counted(stage, 'task'), { scheduled: 1, queued: 1 });
    assert.deepEqual(await counted(stage, null), { cancelled: 1 });
  });
}

async function ids(stage: Stage, filter: Partial<RunFilter>): Promise<string[]> {
  const { items } = await stage.backend.list({ ...EVERY_RUN, ...filter });
  return items.map(({ id }) => id);
}

/** What is not zero, over all queues. */
async function counted(stage: Stage, of: string | null): Promise<Record<string, number>> {
  const total: Record<string, number> = {};
  for (const { task, counts } of await stage.backend.counts()) {
    if (task !== of) continue;
    for (const status of RUN_STATUSES) {
      if (counts[status] > 0) total[status] = (total[status] ?? 0) + counts[status];
    }
  }
  return total;
}
