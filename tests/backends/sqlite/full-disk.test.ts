import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Acceptance } from '../../../src/backends/sqlite/acceptance.js';
import type { DatabaseFile } from '../../../src/backends/sqlite/database-file.js';
import { openDatabase } from '../../../src/backends/sqlite/open-database.js';
import { SqliteParts } from '../../../src/backends/sqlite/sqlite-parts.js';
import type { StoredRecord } from '../../../src/backends/sqlite/stored-record.js';
import type { Holder, Retention } from '../../../src/ports/backend.js';
import { MemoryLease } from '../../../src/backends/live/run-record.js';
import type { NewRun } from '../../../src/ports/new-run.js';
import type { Run } from '../../../src/task/run.js';
import { newRun } from '../../../src/testing/contract/samples.js';
import { FakeClock } from '../../fake-clock.js';
import { codeOf } from '../../manager/workbench.js';
import { until } from '../../until.js';

let folder: string;
let clock: FakeClock;
let database: DatabaseFile;
let parts: SqliteParts;
let acceptance: Acceptance;
let leases: MemoryLease[];
let begun: string[];
let lost: string[];
let slots: number;
let closed: boolean;
let forgotten: string[];
let retention: { -readonly [name in keyof Retention]: Retention[name] };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-full-'));
  clock = new FakeClock();
  database = await openDatabase({ file: join(folder, 'errand.db'), durability: 'full', clock, lockTimeoutMs: 0 });
  const ignore = (): void => undefined;
  closed = false;
  forgotten = [];
  retention = { keepResultMs: 1e9, maxFinished: 1e6, keepFailedMs: 1e9, maxFailed: 1e6, keepKeyMs: 1e9, maxKeys: 1e6 };
  parts = new SqliteParts(
    {
      clock,
      logger: undefined,
      queueLimit: 1_000,
      retention,
      observer: { settled: ignore, forgotten: ({ id }) => void forgotten.push(id), cancelledLate: ignore },
    },
    database,
  );
  acceptance = new Acceptance(parts);
  [leases, begun, lost, slots] = [[], [], [], Infinity];
});

afterEach(async () => {
  if (!closed) {
    makeRoom();
    parts.close();
  }
  await rm(folder, { recursive: true });
});

function work(): void {
  parts.dispatcher.work({
    freeSlots: () => slots,
    take: (run, lease): Holder => {
      if (lease instanceof MemoryLease) leases.push(lease);
      return { begin: () => void begun.push(run.id), cancel: () => undefined, lost: () => void lost.push(run.id) };
    },
  });
}

/** The disk has no room for another page. */
function fill(): void {
  const [pages] = database.prepare('PRAGMA page_count').first() ?? [];
  database.exec(`PRAGMA max_page_count = ${String(pages)}`);
}

function makeRoom(): void {
  database.exec('PRAGMA max_page_count = 1000000');
}

/** Nothing can be removed: a transaction is refused when it has done half of its work. */
function refuseRemovals(of: 'runs' | 'keys', when = '1'): void {
  database.exec(`CREATE TEMP TRIGGER refusal BEFORE DELETE ON ${of} WHEN ${when}
    BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`);
}

function allowRemovals(): void {
  database.exec('DROP TRIGGER temp.refusal');
}

/** Starts a run, and waits until its handler is at work. */
async function begin(run: NewRun): Promise<{ lease: MemoryLease; record: StoredRecord }> {
  await acceptance.accept(run, 'error');
  await until(() => begun.includes(run.id));
  const lease = leases.find(({ run: { id } }) => id === run.id);
  const record = parts.find(run.id);
  if (lease === undefined || record === undefined) throw new Error('it was not delivered');
  return { lease, record };
}

/** The handler returns. */
function complete(lease: MemoryLease): void {
  parts.course.settle(lease, { type: 'completed', value: 'x' }, false);
}

async function end(run: NewRun): Promise<void> {
  const { lease } = await begin(run);
  complete(lease);
  await parts.journal.committed();
}

const large = { input: 'x'.repeat(100_000) };

describe('a disk that is full', () => {
  it('refuses starts with BACKEND, and leaves nothing of them behind', async () => {
    fill();
    const idempotency = { key: 'k', fingerprint: 'f' };
    expect(await codeOf(acceptance.accept({ ...newRun('a'), ...large, idempotency }, 'error'))).toBe('BACKEND');
    expect([parts.find('a'), parts.life.waiting, parts.life.live]).toEqual([undefined, 0, 0]);
    expect([...parts.dispatcher.waiting.lanes]).toEqual([]);
    makeRoom();
    const { replayed } = await acceptance.accept({ ...newRun('a'), ...large, idempotency }, 'error');
    expect(replayed).toBe(false);
  });

  it('begins no run whose start it refused, and takes its lease back', async () => {
    work();
    fill();
    expect(await codeOf(acceptance.accept({ ...newRun('a'), ...large }, 'error'))).toBe('BACKEND');
    expect(leases.map(({ run }) => run.id)).toEqual(lost);
    expect(parts.store.find('a')).toBeUndefined();
  });

  it('refuses no run that was accepted before: its end is stored, and told, once there is room', async () => {
    work();
    const { lease, record } = await begin(newRun('a'));
    fill();
    record.resultText = JSON.stringify('x'.repeat(100_000));
    const told: string[] = [];
    complete(lease);
    parts.journal.after(record, () => told.push('stored'), undefined);
    expect(await codeOf(parts.journal.committed())).toBe('BACKEND');
    expect([told, parts.store.find('a')?.status]).toEqual([[], 'running']);
    makeRoom();
    await clock.run(500);
    await until(() => told.length === 1);
    expect(parts.store.find('a')).toMatchObject({ status: 'completed', stored: true });
  });

  it('lets retention count, and forget, only what has been removed', async () => {
    work();
    for (const id of ['a', 'b', 'c']) await end(newRun(id));
    refuseRemovals('runs', "old.id = 'b'");
    retention.maxFinished = 0;
    parts.retention.open();
    await new Promise((resolve) => setImmediate(resolve));
    for (let tries = 0; tries < 3; tries += 1) await codeOf(parts.journal.committed());
    expect([forgotten, parts.store.find('a')?.status]).toEqual([[], 'completed']);
    allowRemovals();
    await clock.run(500);
    await until(() => parts.store.find('c') === undefined);
    expect(forgotten).toEqual(['a', 'b', 'c']);
    expect([...parts.endedCounts].map(([, { completed }]) => completed)).toEqual([0]);
  });

  it('leaves nothing of a start whose key finds no room, and says BACKEND', async () => {
    work();
    await end({ ...newRun('a'), idempotency: { key: 'a', fingerprint: 'f' } });
    retention.maxKeys = 1;
    refuseRemovals('keys');
    const next = { ...newRun('b'), idempotency: { key: 'b', fingerprint: 'f' } };
    expect(await codeOf(acceptance.accept(next, 'error'))).toBe('BACKEND');
    expect([parts.find('b'), parts.life.waiting]).toEqual([undefined, 0]);
    allowRemovals();
    expect(await acceptance.accept(next, 'error')).toMatchObject({ replayed: false });
  });

  it('tells nobody of an end that the close could not store: whoever waits learns that the run goes on', async () => {
    work();
    const { lease, record } = await begin(newRun('a'));
    const told: string[] = [];
    const tell = ({ status }: Run): void => void told.push(status);
    parts.watch(record, 'final', (run) => tell(run));
    fill();
    record.resultText = JSON.stringify('x'.repeat(100_000));
    complete(lease);
    parts.watch(record, 'final', (run) => tell(run));
    parts.watch(record, 'free', (run) => tell(run));
    expect(told).toEqual([]);
    parts.close();
    closed = true;
    expect(told).toEqual(['running', 'running', 'running']);
    parts.watch(record, 'final', (run) => tell(run));
    expect(told).toHaveLength(4);
    expect(told.at(-1)).toBe('running');
  });

  it('keeps an id with its ended run where the run that was to take it is refused', async () => {
    work();
    const { lease } = await begin(newRun('a'));
    fill();
    complete(lease);
    expect(await codeOf(acceptance.accept({ ...newRun('a'), ...large }, 'error'))).toBe('BACKEND');
    expect(parts.find('a')).toMatchObject({ status: 'completed', ordinal: lease.run.ordinal });
    makeRoom();
    await clock.run(500);
    await until(() => parts.live.size === 0);
    expect(parts.store.find('a')?.status).toBe('completed');
  });
});
