import { closeSync, openSync, read, statSync } from 'node:fs';
import { promisify } from 'node:util';
import type Database from 'libsql';
import type { LogSync } from './log-sync.js';
import type { OwnerNote } from './owner-note.js';

const readAt = promisify(read);

/** How many pages the log may have before a commit copies them into the file. */
const LOG_PAGES = 1_000;

/**
 * A prepared statement. Rows are arrays: libsql gives objects an extra member that can be listed. What they hold is as
 * the statement says, which nobody checks: `Row` is read beside its columns.
 */
export interface Statement<Row extends SqlRow = SqlRow> {
  run(...values: readonly SqlValue[]): void;
  first(...values: readonly SqlValue[]): Row | undefined;
  all(...values: readonly SqlValue[]): readonly Row[];
}

/** What a column may hold. */
export type SqlValue = string | number | null;

/** The columns that a statement gives, in its order. */
export type SqlRow = readonly SqlValue[];

/**
 * Gives the lock back. Closing is not enough: libsql closes a file only when the garbage collector has found every
 * statement. Outside of WAL, normal locking lets go after the next read.
 */
export function release(connection: Database.Database): void {
  try {
    connection.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; SELECT count(*) FROM sqlite_master;');
  } catch {
    // it never had the lock, or the file is no database
  }
  connection.close();
}

/** What goes with an open file. */
interface FileParts {
  readonly path: string;
  readonly note: OwnerNote;
  /** Undefined where a commit in the kernel is enough. */
  readonly log: LogSync | undefined;
}

/** A database file that this process owns. */
export class DatabaseFile {
  readonly path: string;
  readonly #connection: Database.Database;
  readonly #note: OwnerNote;
  readonly #log: LogSync | undefined;
  /** A sync has failed: what it was to bring to the disk may not be tried a second time. */
  #unsafe = false;
  /** Nothing may be copied from the log into the file. */
  #frozen = false;
  #reader: number | undefined;

  /** Made by {@link openDatabase}. */
  constructor(connection: Database.Database, { path, note, log }: FileParts) {
    this.#connection = connection;
    this.path = path;
    this.#note = note;
    this.#log = log;
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

  prepare<Row extends SqlRow = SqlRow>(sql: string): Statement<Row> {
    const statement = this.#connection.prepare(sql);
    const rows = statement.reader ? statement.raw() : statement;
    return {
      // As one array: libsql flattens arguments, which costs half as much as the statement, and takes a single null for none.
      run: (...values) => void statement.run(values),
      first: (...values) => rows.get(values) as Row | undefined,
      all: (...values) => rows.all(values) as Row[],
    };
  }

  /** Calls back when what is committed is as safe as `durability` says: at once, or when it is on the disk. */
  whenSafe(done: (error: unknown) => void): void {
    if (this.#log === undefined || this.#unsafe) done(this.#tried(() => this.#rewrite()));
    else
      this.#log.later((error) => {
        this.#unsafe ||= error !== null;
        done(error);
      });
  }

  /**
   * Makes what is committed as safe as `durability` says.
   *
   * @throws {Error} when the disk refuses.
   */
  makeSafe(): void {
    if (this.#unsafe) this.#rewrite();
    else this.#log?.now();
  }

  /** What a failed sync left counts as written for the kernel, so it would not be tried again: it goes another way. */
  #rewrite(): void {
    if (!this.#unsafe) return;
    if (this.#frozen) throw new Error('the file is being copied');
    this.#emptyLog();
  }

  #emptyLog(): void {
    const [busy] = this.prepare<readonly [busy: number]>('PRAGMA wal_checkpoint(TRUNCATE)').first() ?? [];
    if (busy !== 0) throw new Error('the log cannot be copied into the file');
    this.#unsafe = false;
  }

  /**
   * Brings everything into the one file, which stays as it is then until {@link thaw}: what is written meanwhile goes to
   * the log.
   *
   * @returns the length of the file, in bytes.
   * @throws {Error} when the disk refuses.
   */
  freeze(): number {
    this.#emptyLog();
    this.exec('PRAGMA wal_autocheckpoint = 0');
    this.#frozen = true;
    const [bytes] = this.prepare<readonly [number]>(
      'SELECT page_count * page_size FROM pragma_page_count, pragma_page_size',
    ).first() ?? [0];
    return bytes;
  }

  thaw(): void {
    this.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
    this.#frozen = false;
  }

  /** How long the log is, in bytes. */
  get logBytes(): number {
    return statSync(`${this.path}-wal`).size;
  }

  /** Reads a piece of the one file. @returns how many bytes there were. */
  async read(into: Buffer, position: number): Promise<number> {
    // Closed with the database only: closing any descriptor of the file gives up the lock that SQLite has on it.
    this.#reader ??= openSync(this.path, 'r');
    const { bytesRead } = await readAt(this.#reader, into, 0, into.length, position);
    return bytesRead;
  }

  #tried(work: () => void): unknown {
    try {
      work();
      return null;
    } catch (error) {
      return error;
    }
  }

  /** Writes everything into the one file, gives the lock back and closes. */
  close(): void {
    this.#note.remove();
    this.#log?.close();
    release(this.#connection);
    if (this.#reader !== undefined) closeSync(this.#reader);
  }
}
