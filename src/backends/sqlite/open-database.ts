import { closeSync, mkdirSync, openSync, readlinkSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'libsql';
import type { Clock } from '../../ports/clock.js';
import { TaskError } from '../../task/errors.js';
import { sleep } from '../../timing/sleep.js';
import { isBusy, unusable } from './database-errors.js';
import { DatabaseFile, release } from './database-file.js';
import { type DiskSync, LogSync } from './log-sync.js';
import { APPLICATION_ID, MIGRATIONS } from './migrations.js';
import { mayLive, type Owner, OwnerNote } from './owner-note.js';

/** How long a start survives: on the disk (`full`), or in the kernel (`process`), which a power cut ends. */
export type Durability = 'full' | 'process';

/** What {@link openDatabase} takes. */
export interface DatabaseOptions {
  readonly file: string;
  readonly durability: Durability;
  readonly clock: Clock;
  /** How long the lock of somebody who does not say who it is may last. */
  readonly lockTimeoutMs: number;
  /** The system's own unless given. */
  readonly disk?: DiskSync;
}

/** How long a lock is waited for whose owner is named and lives: a server that is just being replaced. */
const OWNED_TIMEOUT_MS = 2_000;
/** Between two looks at a lock: SQLite's own waiting would block the event loop. */
const LOCK_PAUSE_MS = 25;

/**
 * Opens a file that only this process uses from now on, checks that it is whole and ours, and brings it to the version
 * of today. What a file that is refused holds is left as it was; a log beside it is brought into it.
 *
 * @throws {TaskError} BACKEND when it cannot be used: not a file, not ours, damaged, of a newer version, in use.
 */
export async function openDatabase(options: DatabaseOptions): Promise<DatabaseFile> {
  const path = linkedTo(resolve(options.file));
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
      if (options.clock.monotonic() - began >= patienceMs) throw inUse(path, owner);
      await sleep(LOCK_PAUSE_MS, { clock: options.clock });
    }
  }
}

/** Where a link leads: SQLite puts the log beside the file itself. */
function linkedTo(path: string, hops = 40): string {
  if (hops === 0) return path;
  try {
    return linkedTo(resolve(dirname(path), readlinkSync(path)), hops - 1);
  } catch {
    return path; // no link, or nothing there yet
  }
}

function prepareFolder(path: string): void {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      throw new TaskError('BACKEND', `${path} is a folder; name a file for the runs`);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    makeFile(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

/** Inputs and results are nobody else's business: a new file is for this user only, and SQLite makes the log likewise. */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (Reflect.get(Object(error), 'code') !== 'EEXIST') throw error;
  }
}

function inUse(path: string, owner: Owner | undefined): TaskError {
  const by = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}, since ${owner.since}`;
  return new TaskError('BACKEND', `${path} is in use by ${by}; stop that first, or name another file`, {
    details: { file: path, ...owner },
  });
}

function connect(path: string, note: OwnerNote, { durability, clock, disk }: DatabaseOptions): DatabaseFile {
  const connection = new Database(path);
  try {
    // One process owns the file: said before the first look into it, so that no shared memory is ever made.
    connection.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE;');
    check(connection, path);
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    migrate(connection);
    // From here on commits do not wait for the disk: the event loop would.
    connection.exec('PRAGMA synchronous = NORMAL;');
    const log = durability === 'full' ? new LogSync(`${path}-wal`, disk) : undefined;
    note.write(clock.now());
    return new DatabaseFile(connection, { path, note, log });
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
