import type { Backend } from '../../ports/backend.js';
import type { BackupOptions, BackupResult } from './live-backup.js';
import type { Durability } from './open-database.js';

/** What `sqlite` of `errand/sqlite` takes. */
export interface SqliteOptions {
  /** The file; made, with its folder, where there is none. Only one process may have it open. */
  readonly file: string;
  /**
   * What a resolved `start()` promises: `'full'`, the default: the run is on the disk; `'process'`: it survives the
   * end of this process, however that comes, but perhaps not a power cut.
   */
  readonly durability?: Durability;
  /** How long to wait for somebody else's lock on the file when it is opened, in ms. Default 15 000. */
  readonly lockTimeoutMs?: number;
}

/** Runs in a file, which can be copied while it is used. */
export interface SqliteBackend extends Backend {
  /**
   * Makes a consistent copy while runs go on: everything that was told before the call is in it. The event loop is not
   * blocked for longer than a commit blocks it. One copy is made at a time. What is written meanwhile goes to the log
   * beside the file, 256 MiB at most. A database is opened from the copy as from any other file.
   *
   * @param to its path, in a folder that exists; what is there already stays, unless `overwrite` is given.
   * @throws {TaskError} BACKEND when it cannot be made (disk full, no such folder, a file that is there already, too
   * much written meanwhile) or the backend is not open; MANAGER_CLOSED when the manager closes first. Nothing is left
   * of it then.
   * @throws {TypeError|RangeError} when `to` is no path, or that of the database itself, or an option is malformed.
   */
  backup(to: string, options?: BackupOptions): Promise<BackupResult>;
}
