import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryLease } from '../../../src/backends/live/run-record.js';
import { Acceptance } from '../../../src/backends/sqlite/acceptance.js';
import type { DatabaseFile } from '../../../src/backends/sqlite/database-file.js';
import { openDatabase } from '../../../src/backends/sqlite/open-database.js';
import { SqliteParts } from '../../../src/backends/sqlite/sqlite-parts.js';
import type { StoredRecord } from '../../../src/backends/sqlite/stored-record.js';
import type { NewRun } from '../../../src/ports/new-run.js';
import { newRun } from '../../../src/testing/contract/samples.js';
import { FakeClock } from '../../fake-clock.js';
import { until } from '../../until.js';

/** The parts of the SQLite backend on a file of their own, at work, with a look into the file. */
export class PartsBench {
  readonly clock = new FakeClock();
  readonly folder: string;
  readonly database: DatabaseFile;
  readonly parts: SqliteParts;
  readonly acceptance: Acceptance;
  readonly #leases: MemoryLease[] = [];
  #begun = 0;

  private constructor(folder: string, clock: FakeClock, database: DatabaseFile) {
    this.folder = folder;
    this.clock = clock;
    this.database = database;
    const ignore = (): void => undefined;
    this.parts = new SqliteParts(
      {
        ...{ clock, logger: undefined, queueLimit: 1_000 },
        retention: {
          keepResultMs: 1e9,
          maxFinished: 1e6,
          keepFailedMs: 1e9,
          maxFailed: 1e6,
          keepKeyMs: 1e9,
          maxKeys: 9,
        },
        observer: { settled: ignore, forgotten: ignore, cancelledLate: ignore },
      },
      database,
    );
    this.acceptance = new Acceptance(this.parts);
    this.parts.dispatcher.work({
      freeSlots: () => 1,
      take: (_run, lease) => {
        if (lease instanceof MemoryLease) this.#leases.push(lease);
        return { begin: () => void (this.#begun += 1), cancel: ignore, lost: ignore };
      },
    });
  }

  static async open(): Promise<PartsBench> {
    const folder = await mkdtemp(join(tmpdir(), 'errand-parts-'));
    const clock = new FakeClock();
    const options = { durability: 'full', clock, lockTimeoutMs: 0 } as const;
    return new PartsBench(folder, clock, await openDatabase({ ...options, file: join(folder, 'errand.db') }));
  }

  async dispose(): Promise<void> {
    this.makeRoom();
    this.parts.close();
    await rm(this.folder, { recursive: true });
  }

  /** The disk has no room for another page. */
  fill(): void {
    const [pages] = this.database.prepare('PRAGMA page_count').first() ?? [];
    this.database.exec(`PRAGMA max_page_count = ${String(pages)}`);
  }

  makeRoom(): void {
    this.database.exec('PRAGMA max_page_count = 1000000');
  }

  /** Starts a run, and waits until its handler is at work. */
  async begin(id: string, run: Partial<NewRun> = {}): Promise<MemoryLease> {
    const { length } = this.#leases;
    await this.acceptance.accept({ ...newRun(id), ...run }, 'error');
    await until(() => this.#begun > length);
    const lease = this.#leases[length];
    if (lease === undefined) throw new Error(`${id} was not delivered`);
    return lease;
  }

  record(lease: MemoryLease): StoredRecord {
    const record = this.parts.find(lease.run.id);
    if (record === undefined) throw new Error(`there is no run ${lease.run.id}`);
    return record;
  }

  /** The rows of a statement. */
  rows(sql: string): readonly (readonly unknown[])[] {
    return this.database.prepare(sql).all();
  }
}
