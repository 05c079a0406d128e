import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Acceptance } from '../../../src/backends/sqlite/acceptance.js';
import type { DatabaseFile } from '../../../src/backends/sqlite/database-file.js';
import { type Durability, openDatabase } from '../../../src/backends/sqlite/open-database.js';
import { SqliteParts } from '../../../src/backends/sqlite/sqlite-parts.js';
import { MemoryLease } from '../../../src/backends/live/run-record.js';
import { retire } from '../../../src/backends/sqlite/retire.js';
import { listRuns } from '../../../src/backends/sqlite/run-pages.js';
import { newRun, newSchedule } from '../../../src/testing/contract/samples.js';
import { FakeClock } from '../../fake-clock.js';
import { codeOf } from '../../manager/workbench.js';
import { until } from '../../until.js';

let folder: string;
let file: string;
let clock: FakeClock;
let database: DatabaseFile;
let parts: SqliteParts;
let acceptance: Acceptance;
/** Who waits for the disk, which answers when it is told to. */
let asked: ((error: Error | null) => void)[];
let told: string[];
/** Whether the disk refuses the last try. */
let broken: boolean;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-safe-'));
  file = join(folder, 'errand.db');
  clock = new FakeClock();
  [asked, told, broken] = [[], [], false];
});

afterEach(async () => {
  parts.close();
  answer();
  await rm(folder, { recursive: true });
});

async function open(durability: Durability): Promise<void> {
  const now = (): void => {
    if (broken) throw new Error('EIO');
  };
  const disk = { later: (_file: number, done: (typeof asked)[0]) => void asked.push(done), now };
  database = await openDatabase({ file, durability, clock, lockTimeoutMs: 0, disk });
  const retention = {
    ...{ keepResultMs: 1e9, maxFinished: 1e6, keepFailedMs: 1e9, maxFailed: 1e6, keepKeyMs: 1e9, maxKeys: 1e6 },
  };
  const ignore = (): void => undefined;
  const observer = { settled: ignore, forgotten: ignore, cancelledLate: ignore };
  parts = new SqliteParts({ clock, logger: undefined, queueLimit: 1_000, retention, observer }, database);
  acceptance = new Acceptance(parts);
}

function start(id: string): Promise<unknown> {
  return acceptance.accept(newRun(id), 'error').then(() => told.push(id));
}

/** The disk has written what it was asked to write, or has failed to. */
function answer(error: Error | null = null): void {
  for (const done of asked.splice(0)) done(error);
}

/** A disk that writes what it is asked to, until this has come. */
async function disk<T>(waiting: Promise<T>): Promise<T> {
  let over = false;
  void waiting.finally(() => (over = true));
  await until(() => {
    answer();
    return over;
  });
  return waiting;
}

const ANY = { status: undefined, task: undefined, tag: undefined, owner: undefined };
const EVERY = { ...ANY, deadLetters: false, limit: 10, cursor: undefined };
const inFile = (id: string): boolean => parts.store.find(id) !== undefined;
/** Further turns of the event loop, in which nothing is to happen. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe("with durability 'full'", () => {
  beforeEach(() => open('full'));

  it('a start is told only when the disk has answered', async () => {
    const started = start('a');
    await until(() => asked.length === 1);
    await someTurns();
    expect([inFile('a'), told]).toEqual([true, []]);
    answer();
    await started;
    expect(told).toEqual(['a']);
  });

  it('no handler begins before the disk knows that it has', async () => {
    const begun: string[] = [];
    parts.dispatcher.work({
      freeSlots: () => Infinity,
      take: ({ id }) => ({ begin: () => void begun.push(id), cancel: () => undefined, lost: () => undefined }),
    });
    const started = start('a');
    await until(() => asked.length === 1);
    await someTurns();
    expect(begun).toEqual([]);
    answer();
    await started;
    expect(begun).toEqual(['a']);
  });

  it('what comes while the disk is at work waits for it, and is one commit then', async () => {
    const starts = [start('a')];
    await until(() => asked.length === 1);
    for (const id of ['b', 'c']) {
      starts.push(start(id));
      await someTurns();
    }
    expect([inFile('b'), asked.length]).toEqual([false, 1]);
    answer();
    await until(() => asked.length === 1);
    expect([told, inFile('b'), inFile('c')]).toEqual([['a'], true, true]);
    answer();
    await Promise.all(starts);
    expect(told).toEqual(['a', 'b', 'c']);
  });

  it('a change of a schedule waits for five seconds at most where the disk refuses, and stays made', async () => {
    database.freeze(); // as a backup does: nothing can be copied into the file
    const saved = codeOf(parts.schedules.save(newSchedule('a'), null));
    await until(() => asked.length === 1);
    answer(new Error('EIO'));
    await clock.run(5_000);
    expect(await saved).toBe('BACKEND');
    const inTheFile = database.prepare('SELECT id FROM schedules').all();
    expect([parts.schedules.isAt('a', 1), inTheFile]).toEqual([true, [['a']]]);
    database.thaw();
  });

  it('a change of a schedule that the disk has not confirmed at the end is told so, once', async () => {
    const saved = codeOf(parts.schedules.save(newSchedule('a'), null));
    await until(() => asked.length === 1);
    broken = true;
    parts.close();
    expect(await saved).toBe('BACKEND');
  });

  it('a disk that fails refuses no run that is written: it is told when it is safe, by another way', async () => {
    const started = start('a');
    await until(() => asked.length === 1);
    answer(new Error('EIO'));
    await someTurns();
    expect([told, statSync(`${file}-wal`).size > 0]).toEqual([[], true]);
    await clock.run(500);
    await started;
    // A second sync would succeed without having written anything: the log was copied into the file instead.
    expect([asked.length, statSync(`${file}-wal`).size]).toEqual([0, 0]);
  });

  it('a disk that keeps refusing refuses starts within five seconds, and says that their runs may begin later', async () => {
    const begun: string[] = [];
    parts.dispatcher.work({
      freeSlots: () => Infinity,
      take: ({ id }) => ({ begin: () => void begun.push(id), cancel: () => undefined, lost: () => undefined }),
    });
    database.freeze(); // as a backup does: nothing can be copied into the file
    const refused = acceptance.accept(newRun('a'), 'error').catch((error: unknown) => error);
    const asLong = codeOf(acceptance.accept(newRun('a'), 'return'));
    await until(() => asked.length === 1);
    answer(new Error('EIO'));
    await clock.run(5_000);
    expect(await refused).toMatchObject({ code: 'BACKEND', details: { runId: 'a', accepted: 'unknown' } });
    expect(await asLong).toBe('BACKEND');
    expect([begun, parts.find('a')?.status]).toEqual([[], 'running']);
    database.thaw();
    await clock.run(500);
    await until(() => begun.length === 1);
    expect((await acceptance.accept(newRun('a'), 'return')).replayed).toBe(true);
  });

  it('a disk that does not answer refuses starts as one that refuses, but none that has just come', async () => {
    const first = codeOf(start('a'));
    await until(() => asked.length === 1);
    await clock.run(4_900);
    const second = start('b');
    await clock.run(100);
    expect(await first).toBe('BACKEND');
    answer();
    await until(() => asked.length === 1);
    answer();
    await second;
    expect(told).toEqual(['b']);
  });

  it('a slow disk refuses nothing as long as it gets somewhere', async () => {
    const starts: Promise<unknown>[] = [];
    for (let round = 0; round < 5; round += 1) {
      starts.push(start(String(round)));
      await until(() => asked.length === 1);
      await clock.run(2_000);
      answer();
      await someTurns();
    }
    await Promise.all(starts);
    expect(told).toHaveLength(5);
  });

  it('a disk that keeps refusing is tried twice a second, whatever comes meanwhile', async () => {
    database.freeze();
    let tries = 0;
    const starts: Promise<unknown>[] = [];
    const whenSafe = database.whenSafe.bind(database);
    database.whenSafe = (done) => {
      tries += 1;
      whenSafe(done);
    };
    for (const id of ['a', 'b', 'c', 'd', 'e']) {
      starts.push(codeOf(start(id)));
      await until(() => inFile(id) || asked.length === 1);
      answer(new Error('EIO'));
      await until(() => inFile(id));
    }
    tries = 0;
    await clock.run(2_000);
    expect(tries).toBeLessThanOrEqual(4);
    database.thaw();
    await clock.run(500);
    await Promise.all(starts);
  });

  it('a failed run whose redrive is not confirmed is not redriven a second time', async () => {
    const leases: MemoryLease[] = [];
    parts.dispatcher.work({
      freeSlots: () => Infinity,
      take: (_run, lease) => {
        if (lease instanceof MemoryLease) leases.push(lease);
        return { begin: () => undefined, cancel: () => undefined, lost: () => undefined };
      },
    });
    await disk(start('a'));
    await disk(parts.journal.committed());
    const [lease] = leases;
    const failed = parts.find('a');
    if (lease === undefined || failed === undefined) throw new Error('nothing was delivered');
    const error = { name: 'Error', code: 'HANDLER_FAILED', message: 'no', attempt: 1, exposed: false } as const;
    // Its handler does not settle, so its record stays the one in memory.
    parts.course.settle(lease, { type: 'failed', error, cause: undefined }, true);
    await disk(parts.journal.committed());
    const redriven = codeOf(acceptance.redrive(failed, newRun('b')));
    await until(() => asked.length === 1);
    await clock.run(5_000);
    expect(await redriven).toBe('BACKEND');
    expect(await codeOf(acceptance.redrive(failed, newRun('c')))).toBe('RUN_CONFLICT');
    parts.course.release(lease);
    await disk(parts.journal.committed());
    expect(parts.at(failed.ordinal)?.redrivenBy).toBe('b');
  });

  it('a start that cannot be written does not take those back that are', async () => {
    const started = start('a');
    await until(() => asked.length === 1);
    const [pages] = database.prepare('PRAGMA page_count').first() ?? [];
    database.exec(`PRAGMA max_page_count = ${String(pages)}`);
    const large = acceptance.accept({ ...newRun('b'), input: 'x'.repeat(100_000) }, 'error');
    answer();
    expect(await codeOf(large)).toBe('BACKEND');
    await started;
    expect([told, inFile('a'), inFile('b')]).toEqual([['a'], true, false]);
  });

  it('a page of runs tells no end that is not safe', async () => {
    const leases: MemoryLease[] = [];
    parts.dispatcher.work({
      freeSlots: () => Infinity,
      take: (_run, lease) => {
        if (lease instanceof MemoryLease) leases.push(lease);
        return { begin: () => undefined, cancel: () => undefined, lost: () => undefined };
      },
    });
    const starts = [start('a')];
    await until(() => asked.length === 1);
    answer();
    await until(() => asked.length === 1 || told.length === 1);
    answer();
    starts.push(start('b'));
    await until(() => asked.length === 1 && inFile('b'));
    let page: readonly string[] | undefined;
    const listed = listRuns(parts, EVERY).then(({ items }) => {
      page = items.map(({ id, status }) => `${id} ${status}`);
    });
    const [lease] = leases;
    if (lease === undefined) throw new Error('nothing was delivered');
    parts.course.settle(lease, { type: 'completed', value: 1 }, false);
    answer();
    await until(() => asked.length === 1);
    await someTurns();
    expect(page).toBeUndefined();
    answer();
    await Promise.all([listed, ...starts]);
    expect(page).toEqual(['b running', 'a completed']);
  });

  it('a disk that never answers does not keep the manager from closing', async () => {
    void start('a');
    await until(() => asked.length === 1);
    const retired = retire(parts);
    await clock.run(50);
    expect(await retired).toBe(1);
  });

  it('a start that is not safe when the manager closes is refused: nobody waits for ever', async () => {
    const started = codeOf(start('a'));
    await until(() => asked.length === 1);
    broken = true;
    parts.close();
    expect(await started).toBe('BACKEND');
    expect(await codeOf(parts.journal.committed())).toBe('BACKEND');
  });

  it('the close answers for what is still on its way', async () => {
    const started = start('a');
    await until(() => asked.length === 1);
    parts.close();
    await started;
    expect(told).toEqual(['a']);
  });
});

it("with durability 'process' nothing waits for the disk", async () => {
  await open('process');
  await start('a');
  expect([told, asked]).toEqual([['a'], []]);
});

it('no commit makes the event loop wait for the disk', async () => {
  await open('full');
  expect(database.prepare('PRAGMA synchronous').first()).toEqual([1]);
});
