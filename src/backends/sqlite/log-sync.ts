import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** Brings a file to the disk; as in `node:fs`. */
export interface DiskSync {
  later(file: number, done: (error: Error | null) => void): void;
  now(file: number): void;
}

const NODE: DiskSync = { later: fdatasync, now: fdatasyncSync };

/**
 * Brings the log of a database to the disk without blocking the event loop: SQLite would wait for the disk at each
 * commit. A power cut leaves an exact prefix of the log, so all that was committed before a sync began is safe when it
 * has succeeded.
 */
export class LogSync {
  readonly #file: number;
  readonly #disk: DiskSync;
  #busy = 0;
  #closed = false;

  /** @throws {Error} when there is no such log. */
  constructor(log: string, disk = NODE) {
    this.#file = openSync(log, 'r+');
    this.#disk = disk;
    syncFolder(dirname(log));
  }

  /** Calls back, never at once, when all that was written before is on the disk, or with what went wrong. */
  later(done: (error: Error | null) => void): void {
    this.#busy += 1;
    this.#disk.later(this.#file, (error) => {
      this.#busy -= 1;
      this.#closeIfIdle();
      done(error);
    });
  }

  /** @throws {Error} when the disk refuses. */
  now(): void {
    this.#disk.now(this.#file);
  }

  close(): void {
    this.#closed = true;
    this.#closeIfIdle();
  }

  /** Not before the last sync has answered: the number could be another file's by then. */
  #closeIfIdle(): void {
    if (this.#closed && this.#busy === 0) closeSync(this.#file);
  }
}

/** Brings the names in a folder to the disk: a file that was just made must not lose its own. */
export function syncFolder(folder: string): void {
  let file: number | undefined;
  try {
    file = openSync(folder, 'r');
    fsyncSync(file);
  } catch {
    // not every system has folders that can be synced; those keep names by themselves
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
