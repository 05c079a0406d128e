import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { MemoryLease } from '../../../src/backends/live/run-record.js';
import { openDatabase } from '../../../src/backends/sqlite/open-database.js';
import { codeOf } from '../../manager/workbench.js';
import { until } from '../../until.js';
import { PartsBench } from './parts-bench.js';

let bench: PartsBench;

beforeEach(async () => {
  bench = await PartsBench.open();
});

afterEach(() => bench.dispose());

const STEPS = 'SELECT runs.id, steps.key, steps.text FROM steps JOIN runs ON ordinal = run ORDER BY ordinal, key';

function keep(lease: MemoryLease, key: string, text = key): Promise<string | undefined> {
  return Promise.resolve(bench.parts.steps.keep(lease, key, text));
}

function complete(lease: MemoryLease): void {
  bench.parts.course.settle(lease, { type: 'completed', value: 'x' }, false);
}

describe('the steps of runs in a file', () => {
  it('are in it when they are answered, and not in memory any more', async () => {
    const lease = await bench.begin('a');
    await Promise.all(['one', 'two', 'three'].map((key) => keep(lease, key)));
    expect(bench.rows(STEPS)).toEqual(['one', 'three', 'two'].map((key) => ['a', key, key]));
    expect(bench.record(lease).rare?.steps).toBeUndefined();
  });

  it('are read with those that are on their way there', async () => {
    const lease = await bench.begin('a');
    await keep(lease, 'one');
    const second = keep(lease, 'two');
    expect([...bench.parts.steps.of(lease).keys()]).toEqual(['one', 'two']);
    expect(await Promise.all([second, keep(lease, 'two', 'again')])).toEqual(['two', 'two']);
  });

  it('go in the transaction in which their run ends, and only they', async () => {
    const [a, b] = [await bench.begin('a'), await bench.begin('b')];
    for (const lease of [a, b]) await keep(lease, 'one');
    bench.database.exec(`CREATE TEMP TRIGGER refusal BEFORE DELETE ON steps
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`);
    complete(a);
    expect(await codeOf(bench.parts.journal.committed())).toBe('BACKEND');
    expect([bench.parts.store.find('a')?.status, bench.rows(STEPS)]).toEqual([
      'running',
      ['a', 'b'].map((id) => [id, 'one', 'one']),
    ]);
    bench.database.exec('DROP TRIGGER temp.refusal');
    await bench.clock.run(500);
    await until(() => bench.parts.store.find('a')?.status === 'completed');
    expect(bench.rows(STEPS)).toEqual([['b', 'one', 'one']]);
    expect(bench.rows(`SELECT rare ->> '$.steps' FROM runs WHERE id = 'a'`)).toEqual([[null]]);
  });

  it('go also where their run is cancelled or fails while it waits for its next attempt', async () => {
    const error = { code: 'HANDLER_FAILED', name: 'Error', message: 'no', attempt: 1, exposed: false } as const;
    for (const id of ['a', 'b']) {
      const lease = await bench.begin(id, { expiresInMs: 1_000 });
      await keep(lease, 'one');
      const retry = { type: 'retry', error, cause: undefined, delayMs: 60_000, usesAttempt: true } as const;
      bench.parts.course.settle(lease, retry, false);
    }
    await bench.parts.journal.committed();
    expect(bench.rows(STEPS)).toHaveLength(2);
    const [a, b] = ['a', 'b'].map((id) => bench.parts.live.get(id));
    if (a === undefined || b === undefined) throw new Error('they wait');
    bench.parts.course.cancel(a, { by: 'test', reason: null });
    bench.parts.course.expire(b);
    await bench.parts.journal.committed();
    expect([a.status, b.status, bench.rows(STEPS)]).toEqual(['cancelled', 'failed', []]);
  });

  it('are written without the input of their run, however long that is', async () => {
    const lease = await bench.begin('a', { input: 'x'.repeat(1_000_000) });
    await keep(lease, 'first');
    const written = (): number => Number(bench.rows('SELECT total_changes()')[0]?.[0]);
    const before = written();
    for (let at = 0; at < 10; at += 1) await keep(lease, `step-${at}`);
    expect(written() - before).toBe(10);
    expect(bench.rows('SELECT length(input) FROM runs')).toEqual([[1_000_002]]);
  });

  it('wait for a disk that is full, with their answer, and lose nothing', async () => {
    const lease = await bench.begin('a');
    await keep(lease, 'one');
    bench.fill();
    let answer: string | undefined;
    const large = 'x'.repeat(100_000);
    const kept = keep(lease, 'two', large).then((text) => (answer = text));
    expect(await codeOf(bench.parts.journal.committed())).toBe('BACKEND');
    expect([answer, bench.rows(STEPS)]).toEqual([undefined, [['a', 'one', 'one']]]);
    const third = keep(lease, 'three');
    bench.makeRoom();
    await bench.clock.run(500);
    expect([await kept, await third]).toEqual([large, 'three']);
    expect(bench.rows(STEPS).map(([, key]) => key)).toEqual(['one', 'three', 'two']);
  });

  it('are in a backup', async () => {
    const lease = await bench.begin('a');
    await keep(lease, 'one');
    const { file } = await bench.parts.backup.make(`${bench.folder}/copy.db`, {});
    const copy = await openDatabase({ file, durability: 'process', clock: bench.clock, lockTimeoutMs: 0 });
    expect(copy.prepare('SELECT key FROM steps').all()).toEqual([['one']]);
    copy.close();
  });
});
