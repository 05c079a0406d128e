import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'libsql';
import type { Clock } from '../../ports/clock.js';
import { TaskError } from '../../task/errors.js';
import { sleep } from '../../timing/sleep.js';
import { isBusy, unusable } from './database-errors.js';
import { APPLICATION_ID, MIGRATIONS } from './migrations.js';
import { mayLive, OwnerNote } from './owner-note.js';

/** How long a start survives: on the disk (`full`), or in the kernel (`process`), which a power cut ends. */
export type Durability = 'full' | 'process';

/** What {@link openDatabase} takes. */
export interface DatabaseOptions {
  readonly file: string;
  readonly durability: Durability;
  readonly clock: Clock;
  /** How long the lock of somebody who does not say who it is may last. */
  readonly lockTimeoutMs: number;
}

/** A prepared statement. Rows are arrays: libsql gives objects an extra member that can be listed. */
export interface Statement {
  run(...values: readonly SqlValue[]): void;
  first(...values: readonly SqlValue[]): readonly SqlValue[] | undefined;
  all(...values: readonly SqlValue[]): readonly (readonly SqlValue[])[];
}

export type SqlValue = string | number | null;

/** How long a lock is waited for whose owner is named and lives: a server that is just being replaced. */
const OWNED_TIMEOUT_MS = 2_000;
/** Between two looks at a lock: SQLite's own waiting would block the event loop. */
const LOCK_PAUSE_MS = 25;

/**
 * Opens a file that only this process uses from now on, checks that it is whole and ours, and brings it to the version
 * of today. A file that is refused is left as it was.
 *
 * @throws {TaskError} BACKEND when it cannot be used: not a file, not ours, damaged, of a newer version, in use.
 */
export async function openDatabase(options: DatabaseOptions): Promise<DatabaseFile> {
  const path = resolve(options.file);
  const note = new OwnerNote(path);
  prepareFolder(path);
  const began = options.clock.monotonic();
  for (;;) {
    try {
      return connect(path, note, options);
    } catch (error) {
      if (!isBusy(error)) throw unusable(path, error);
      const owner = note.read();
      const patienceMs = owner !== undefined && mayLive(owner) ? OWNED_TIMEOUT_MS : options.lockTimeoutMs;
      if (options.clock.monotonic() - began >= patienceMs) throw inUse(path, note);
      await sleep(LOCK_PAUSE_MS, { clock: options.clock });
    }
  }
}

function prepareFolder(path: string): void {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      throw new TaskError('BACKEND', `${path} is a folder; name a file for the runs`);
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw unusable(path, error);
  }
}

function inUse(path: string, note: OwnerNote): TaskError {
  const owner = note.read();
  const by = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}, since ${owner.since}`;
  return new TaskError('BACKEND', `${path} is in use by ${by}; stop that first, or name another file`, {
    details: { file: path, ...owner },
  });
}

function connect(path: string, note: OwnerNote, { durability, clock }: DatabaseOptions): DatabaseFile {
  const connection = new Database(path);
  try {
    // One process owns the file: said before the first look into it, so that no shared memory is ever made.
    connection.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE;');
    check(connection, path);
    connection.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'};`);
    migrate(connection);
    note.write(clock.now());
    return new DatabaseFile(connection, path, note);
  } catch (error) {
    release(connection);
    throw error;
  }
}

/** Looks before anything is written. */
function check(connection: Database.Database, path: string): void {
  // Takes the lock, for good.
  connection.exec('BEGIN EXCLUSIVE; COMMIT;');
  const applicationId = numberOf(connection, 'PRAGMA application_id');
  const version = numberOf(connection, 'PRAGMA user_version');
  const tables = numberOf(connection, 'SELECT count(*) FROM sqlite_master');
  if (applicationId !== APPLICATION_ID && tables > 0)
    throw new TaskError('BACKEND', `${path} is a database of another program; name another file`);
  if (version > MIGRATIONS.length) {
    throw new TaskError(
      'BACKEND',
      `${path} was written by a newer version of Errand (${version}; this one knows ${MIGRATIONS.length}); use that one`,
    );
  }
  const [found] = connection.prepare('PRAGMA quick_check(1)').raw().get() as [string];
  if (found !== 'ok')
    throw new TaskError('BACKEND', `${path} is damaged (${found}); restore a backup, or name another file`);
}

function migrate(connection: Database.Database): void {
  const version = numberOf(connection, 'PRAGMA user_version');
  for (const [at, migration] of MIGRATIONS.entries()) {
    if (at < version) continue;
    connection.exec('BEGIN EXCLUSIVE');
    connection.exec(migration);
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${at + 1}; COMMIT;`);
  }
}

function numberOf(connection: Database.Database, sql: string): number {
  const [value] = connection.prepare(sql).raw().get() as [number];
  return value;
}

/**
 * Gives the lock back. Closing is not enough: libsql closes a file only when the garbage collector has found every
 * statement. Outside of WAL, normal locking lets go after the next read.
 */
function release(connection: Database.Database): void {
  try {
    connection.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; SELECT count(*) FROM sqlite_master;');
  } catch {
    // it never had the lock, or the file is no database
  }
  connection.close();
}

/** A database file that this process owns. */
export class DatabaseFile {
  readonly path: string;
  readonly #connection: Database.Database;
  readonly #note: OwnerNote;

  /** Made by {@link openDatabase}. */
  constructor(connection: Database.Database, path: string, note: OwnerNote) {
    this.#connection = connection;
    this.path = path;
    this.#note = note;
  }

  exec(sql: string): void {
    this.#connection.exec(sql);
  }

  /** Does all of it, or, where it throws, nothing. Not within another one. */
  transaction(work: () => void): void {
    this.exec('BEGIN');
    try {
      work();
      this.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.exec('ROLLBACK');
    } catch {
      // SQLite has done so itself
    }
  }

  prepare(sql: string): Statement {
    const statement = this.#connection.prepare(sql);
    const rows = statement.reader ? statement.raw() : statement;
    return {
      // As one array: libsql flattens arguments, which costs half as much as the statement, and takes a single null for none.
      run: (...values) => void statement.run(values),
      first: (...values) => rows.get(values) as readonly SqlValue[] | undefined,
      all: (...values) => rows.all(values) as (readonly SqlValue[])[],
    };
  }

  /** Writes everything into the one file, gives the lock back and closes. */
  close(): void {
    this.#note.remove();
    release(this.#connection);
  }
}
