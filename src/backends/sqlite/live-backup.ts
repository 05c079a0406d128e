import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { checkOptions, show } from '../../task/checks.js';
import { TaskError } from '../../task/errors.js';
import { unusable } from './database-errors.js';
import type { DatabaseFile } from './database-file.js';
import { syncFolder } from './log-sync.js';

/** How a copy is made. */
export interface BackupOptions {
  /** Whether a file that is there already may be replaced. Default false. */
  readonly overwrite?: boolean;
}

/** A copy that was made. */
export interface BackupResult {
  /** Where it is: an absolute path. */
  readonly file: string;
  /** How long it is. */
  readonly bytes: number;
}

/** How much is copied at a time. */
const PIECE_BYTES = 1_048_576;
/** How much may wait for the disk: all at once would hold up what the database writes meanwhile. */
const UNSYNCED_BYTES = 16 * PIECE_BYTES;
/** How long the log may get while the file is copied: it holds what is written meanwhile. */
const MAX_LOG_BYTES = 268_435_456;

/**
 * Copies a database while it is used. What was committed is brought into the one file, which then stays as it is; it is
 * copied piece by piece, while everything new goes to the log.
 */
export class LiveBackup {
  readonly #database: DatabaseFile;
  readonly #maxLogBytes: number;
  /** The last one that was asked for: one goes after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(database: DatabaseFile, maxLogBytes = MAX_LOG_BYTES) {
    this.#database = database;
    this.#maxLogBytes = maxLogBytes;
  }

  /** @throws {TaskError|RangeError} as `SqliteBackend.backup` says. */
  make(to: string, options: BackupOptions): Promise<BackupResult> {
    checkBackup(to, options);
    const made = this.#last.then(() => this.#make(resolve(to), options));
    this.#last = made.catch(() => undefined);
    return made;
  }

  /** Ends what is at work, and resolves when nothing is left of it. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }

  async #make(to: string, { overwrite = false }: BackupOptions): Promise<BackupResult> {
    this.#refuseIfClosed();
    const partial = `${to}.partial`;
    try {
      await this.#refuseTarget(to, overwrite);
      const bytes = await this.#copy(partial);
      await rename(partial, to);
      syncFolder(dirname(to));
      return { file: to, bytes };
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      throw error instanceof RangeError ? error : unusable(to, error);
    }
  }

  async #refuseTarget(to: string, overwrite: boolean): Promise<void> {
    const { path } = this.#database;
    const there = await stat(to).catch(() => undefined);
    const own = await stat(path);
    const isOwn = there !== undefined && there.ino === own.ino && there.dev === own.dev;
    const ours = [path, `${path}-wal`, `${path}.owner`];
    if (isOwn || ours.includes(to) || ours.includes(`${to}.partial`))
      throw new RangeError(`a backup must be another file than the database itself; got ${to}`);
    if (there !== undefined && !overwrite)
      throw new TaskError(
        'BACKEND',
        `${to} is there already; name another file, or overwrite it with { overwrite: true }`,
      );
  }

  /** @returns how many bytes it copied. */
  async #copy(partial: string): Promise<number> {
    // What is in there is nobody else's business than what is in the original.
    const { mode } = await stat(this.#database.path);
    const copy = await open(partial, 'w', mode);
    try {
      this.#refuseIfClosed();
      const bytes = this.#database.freeze();
      try {
        await this.#copyPieces(copy, bytes);
      } finally {
        this.#database.thaw();
      }
      await copy.sync();
      return bytes;
    } finally {
      await copy.close();
    }
  }

  async #copyPieces(copy: FileHandle, bytes: number): Promise<void> {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes));
    for (let at = 0; at < bytes;) {
      const length = await this.#database.read(piece.subarray(0, bytes - at), at);
      if (length === 0) throw new Error('the database is shorter than it should be');
      await copy.writeFile(piece.subarray(0, length));
      at += length;
      if (at % UNSYNCED_BYTES === 0) await copy.datasync();
      this.#refuseIfClosed();
      this.#refuseIfLogIsLong();
    }
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new TaskError('MANAGER_CLOSED', 'The manager was closed before the backup was made');
  }

  #refuseIfLogIsLong(): void {
    if (this.#database.logBytes <= this.#maxLogBytes) return;
    throw new TaskError('BACKEND', 'Too much is written while the backup is made; make it when there is less to do');
  }
}

function checkBackup(to: unknown, options: BackupOptions): void {
  checkOptions("a backup's options", options, ['overwrite']);
  if (typeof to !== 'string' || to === '') throw new TypeError(`a backup must be a path; got ${show(to)}`);
  const overwrite: unknown = options.overwrite ?? false;
  if (typeof overwrite !== 'boolean') throw new TypeError(`overwrite must be a boolean; got ${show(overwrite)}`);
}
