import { isFinal } from '../../task/status.js';
import type { MemoryLease } from '../live/run-record.js';
import type { DatabaseFile, Statement } from './database-file.js';
import type { SqliteJournal } from './sqlite-journal.js';
import { type StoredRecord, storedOf } from './stored-record.js';

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * What the steps of runs have come to: rows of their own, written in the transactions of their runs, until those have
 * ended. In memory are only those that are not in the file yet.
 */
export class StoredSteps {
  readonly #journal: SqliteJournal;
  readonly #insert: Statement;
  readonly #find: Statement<readonly [text: string]>;
  readonly #all: Statement<readonly [key: string, text: string]>;
  readonly #delete: Statement;

  constructor(database: DatabaseFile, journal: SqliteJournal) {
    this.#journal = journal;
    this.#insert = database.prepare('INSERT INTO steps (run, key, text) VALUES (?,?,?)');
    this.#find = database.prepare('SELECT text FROM steps WHERE run = ? AND key = ?');
    this.#all = database.prepare('SELECT key, text FROM steps WHERE run = ?');
    this.#delete = database.prepare('DELETE FROM steps WHERE run = ?');
  }

  of(lease: MemoryLease): ReadonlyMap<string, string> {
    if (!lease.isCurrent) return NONE;
    const record = storedOf(lease.run);
    return record.hasSteps ? new Map([...this.#all.all(record.ordinal), ...(record.rare?.steps ?? NONE)]) : NONE;
  }

  /**
   * Answers when it is in the file, without waiting for the disk.
   *
   * @returns the text that is kept under this key; undefined where the lease is no longer valid.
   */
  keep(lease: MemoryLease, key: string, text: string): string | undefined | Promise<string> {
    if (!lease.isCurrent) return undefined;
    const record = storedOf(lease.run);
    const stored = record.hasSteps ? this.#find.first(record.ordinal, key)?.[0] : undefined;
    if (stored !== undefined) return stored;
    const steps = (record.seldom.steps ??= new Map<string, string>());
    const kept = steps.get(key) ?? text;
    steps.set(key, kept);
    return this.#written(record).then(() => kept);
  }

  /** The row of the run says that it has steps, and of no crash before them; where it does, it need not be written. */
  #written(record: StoredRecord): Promise<void> {
    const rowIsBehind = !record.hasSteps || record.crashes > 0;
    record.hasSteps = true;
    record.crashes = 0;
    return rowIsBehind ? this.#journal.written(record) : this.#journal.writtenBeside(record);
  }

  /** Writes those that are not in the file yet, or removes all where their run has ended. */
  write(record: StoredRecord): void {
    if (!record.hasSteps) return;
    if (isFinal(record.status)) this.#delete.run(record.ordinal);
    else for (const [key, text] of record.rare?.steps ?? NONE) this.#insert.run(record.ordinal, key, text);
  }

  /** What was written is committed. */
  settle(record: StoredRecord): void {
    if (!record.hasSteps) return;
    record.seldom.steps = undefined;
    if (isFinal(record.status)) record.hasSteps = false;
  }
}
