import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { allChildrenOf, unendedChildrenOf } from '../../../src/backends/sqlite/children-of.js';
import type { StoredRun } from '../../../src/ports/backend.js';
import { childOf, newRun } from '../../../src/testing/contract/samples.js';
import { codeOf } from '../../manager/workbench.js';
import { PartsBench } from './parts-bench.js';

let bench: PartsBench;

beforeEach(async () => {
  bench = await PartsBench.open();
});

afterEach(() => bench.dispose());

async function all(parent: StoredRun): Promise<string[]> {
  return (await allChildrenOf(bench.parts, parent)).map(({ id, status }) => `${id} ${status}`);
}

function unended(parent: StoredRun): string[] {
  return unendedChildrenOf(bench.parts, parent).map(({ id, status }) => `${id} ${status}`);
}

/** Starts a child whose handler is at work, and lets it return. */
async function endedChild(id: string, parent: StoredRun): Promise<void> {
  const lease = await bench.begin(id, { parent: childOf(parent) });
  bench.parts.course.settle(lease, { type: 'completed', value: 'x' }, false);
}

describe('children in a file', () => {
  it('are told as ended only when a crash cannot take that back', async () => {
    const { run } = await bench.begin('p');
    await endedChild('c', run);
    expect(bench.record(await bench.begin('other')).owed).toBe(false);
    await endedChild('d', run);
    const found = all(run);
    expect(bench.parts.store.find('d')?.status).toBe('running');
    expect(await found).toEqual(['c completed', 'd completed']);
    expect(bench.parts.store.find('d')?.status).toBe('completed');
  });

  it('say which have not ended without asking the disk, also while that is full', async () => {
    const { run } = await bench.begin('p');
    await endedChild('ended', run);
    await bench.acceptance.accept({ ...newRun('waits'), parent: childOf(run), delayMs: 60_000 }, 'error');
    bench.fill();
    const input = 'x'.repeat(100_000);
    const refused = codeOf(bench.acceptance.accept({ ...newRun('new'), parent: childOf(run), input }, 'error'));
    expect(unended(run)).toEqual(['waits scheduled', 'new queued']);
    expect(await refused).toBe('BACKEND');
    expect(unended(run)).toEqual(['waits scheduled']);
    expect(await all(run)).toEqual(['ended completed', 'waits scheduled']);
  });

  it('are found by an index, and runs that are nobody’s are not in it', async () => {
    const { run } = await bench.begin('p');
    await endedChild('c', run);
    const [plan] = bench.rows('EXPLAIN QUERY PLAN SELECT ordinal FROM runs WHERE parent = 1 ORDER BY ordinal');
    expect(plan?.at(-1)).toBe('SEARCH runs USING COVERING INDEX runs_children (parent=?)');
    expect(bench.rows('SELECT id, parent FROM runs ORDER BY ordinal')).toEqual([
      ['p', null],
      ['c', run.ordinal],
    ]);
  });

  it('leave nothing of them in memory when they have ended', async () => {
    const { run } = await bench.begin('p');
    await endedChild('c', run);
    await bench.parts.journal.committed();
    expect([...bench.parts.children.of(run)]).toEqual([]);
  });

  it('are found where there are thousands, while the event loop goes on', async () => {
    const { run } = await bench.begin('p');
    const insert = bench.database.prepare(
      `INSERT INTO runs (id, kind, task, queue, status, priority, max_attempts, attempt, version, created_at, updated_at,
        finished_at, parent) VALUES (?, 'run', 'task', 'default', 'completed', 0, 1, 1, 3, 0, 0, 0, ?)`,
    );
    bench.database.transaction(() => {
      for (let at = 0; at < 10_000; at += 1) insert.run(`c${at}`, run.ordinal);
    });
    // Real time, for it is by that that the event loop gets its turn.
    bench.clock.monotonic = () => performance.now();
    let turns = 0;
    const turning = setInterval(() => (turns += 1), 0);
    expect(await allChildrenOf(bench.parts, run).finally(() => clearInterval(turning))).toHaveLength(10_000);
    expect(turns).toBeGreaterThan(2);
  });
});
