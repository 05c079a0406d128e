import type { ManagerCore } from '../manager/manager-core.js';
import type { MaybePromise, StoredRun } from '../ports/backend.js';
import type { ByteStream, FileStore, StoredFile } from '../ports/files.js';
import { isFinal } from '../task/status.js';
import { FailuresFile, type FailuresLimits } from './failures-file.js';
import { FileRoom } from './file-room.js';
import { type ImportState, stateOf } from './import-state.js';
import { Spool } from './spool.js';

/** What {@link ImportFiles} works with. */
export interface ImportFilesParts {
  readonly core: ManagerCore;
  readonly files: FileStore;
  /** The longest body, in bytes. */
  readonly maxBytes: number;
  /** Half of it for bodies, half for failures. */
  readonly maxSpoolBytes: number;
  /** The failures of one import. */
  readonly maxFailuresBytes: number;
}

/** The failures of an import, for whoever reads them. */
export interface ReadableFailures {
  /** Those that have been added until now. @throws {TaskError} BACKEND when they could not be read. */
  open(): Promise<ByteStream>;
  /** How many were left out. */
  readonly omitted: number;
}

/**
 * The files of all imports of a manager: a body until its import has ended, failures as long as its run is kept. One
 * process has them all here; see `SharedImportFiles` for several.
 */
export class ImportFiles {
  readonly store: FileStore;
  readonly spool: Spool;
  protected readonly core: ManagerCore;
  protected readonly failuresLimits: FailuresLimits;
  /** By the ordinals of their runs. */
  protected readonly failures = new Map<number, FailuresFile>();
  #ready: Promise<void> | undefined;

  constructor({ core, files, maxBytes, maxSpoolBytes, maxFailuresBytes }: ImportFilesParts) {
    this.store = files;
    this.core = core;
    this.spool = new Spool({ files, room: new FileRoom(maxSpoolBytes / 2), maxBytes });
    this.failuresLimits = { room: new FileRoom(maxSpoolBytes / 2), maxBytes: maxFailuresBytes };
    void files.sweep(); // the first import may be long in coming
  }

  /** Opens the manager. On a backend that outlives the process, files do so too: finds those of runs that it has kept. */
  ready(): Promise<void> {
    return (this.#ready ??= this.find().catch((error: unknown) => {
      this.#ready = undefined; // whatever was in the way may be gone the next time
      throw error;
    }));
  }

  /** Whether imports may begin here. */
  mayBegin(): boolean {
    return true;
  }

  /** Keeps a body until the import of this run has ended. @throws {TaskError} BACKEND when it could not be removed. */
  async keepUntilEnd(runId: string, body: StoredFile): Promise<void> {
    this.spool.keep(runId, body);
    const run = await this.core.find(runId);
    // A backend may have told of the end before it has answered the start.
    if (run === undefined || isFinal(run.status)) await this.spool.removeOf(runId, body.name);
  }

  /** Those of an import; undefined where it has not begun. */
  failuresOf({ ordinal }: StoredRun): ReadableFailures | undefined {
    return this.failures.get(ordinal);
  }

  /**
   * Those of an import that begins, or goes on where another process has left it.
   *
   * @throws {TaskError} BACKEND, or RETRY_LATER where another process may have the files.
   */
  beginFailures({ ordinal }: StoredRun, { failures }: ImportState): MaybePromise<FailuresFile> {
    return this.#failuresFile(ordinal, failures);
  }

  /** The import has come to its end here. @throws {TaskError} BACKEND when the last failures could not be written. */
  async endFailures(_run: StoredRun, failures: FailuresFile): Promise<void> {
    await failures.close();
  }

  /** The record of an import is gone: nobody can ask for its failures any more. */
  forget({ id, kind, ordinal }: StoredRun): void {
    if (kind !== 'import') return;
    const failures = this.failures.get(ordinal);
    this.failures.delete(ordinal);
    failures?.remove().catch((err: unknown) => this.logNotRemoved(id, err));
  }

  protected async find(): Promise<void> {
    await this.core.open();
    const { storeId, shared = false } = this.core.backend;
    if (storeId === null) return;
    const inUse = new Set<string>();
    for (const run of await this.core.backend.runsOf('import')) {
      const state = stateOf(run);
      if (state !== undefined) this.#note(run, state, inUse);
    }
    await this.store.belongTo({ storeId, shared }, inUse);
    await this.store.removeUnused(inUse);
  }

  /** Makes the files of a run that an earlier process has left this one's. */
  protected adopt(run: StoredRun, { file, failures }: ImportState): void {
    if (failures !== null) this.#failuresFile(run.ordinal, failures);
    // The body of one that has ended is needed no more.
    if (!isFinal(run.status)) this.spool.adopt(run.id, file);
  }

  protected logNotRemoved(runId: string, err: unknown): void {
    this.core.options.logger?.error({ runId, err }, 'A file of an import could not be removed');
  }

  #note(run: StoredRun, state: ImportState, inUse: Set<string>): void {
    if (state.failures !== null) inUse.add(state.failures.name);
    if (!isFinal(run.status)) inUse.add(state.file.name);
    this.adopt(run, state);
  }

  #failuresFile(ordinal: number, stored: ImportState['failures']): FailuresFile {
    const known = this.failures.get(ordinal);
    if (known !== undefined) return known;
    const file = new FailuresFile(this.store, this.failuresLimits, stored);
    this.failures.set(ordinal, file);
    return file;
  }
}
