import type { Backend, StoredRun } from '../ports/backend.js';
import type { ByteStream, FileStore, PutOptions, StoredFile } from '../ports/files.js';
import { TaskError } from '../task/errors.js';
import type { FileResult } from '../task/file-result.js';
import { nextTurn } from '../timing/next-turn.js';
import { within } from '../timing/within.js';
import { GoneRuns } from './gone-runs.js';
import { isNeeded, knownFiles, labelFor, type RunFile, runFiles } from './needed-files.js';
import type { ResolvedOptions } from './resolve-options.js';

/** What {@link RunFiles} works with. */
export interface RunFilesSource {
  readonly options: ResolvedOptions;
  readonly backend: Backend;
}

/** What another process has stored so long ago, and no run names, was left by one that was killed. */
const LEFT_ALONE_MS = 24 * 3_600_000;
/** How long a close waits for files that are being removed, in milliseconds. */
const CLOSE_MS = 250;

/**
 * The files that are results of runs. Each says in its name whose it is, so that after a crash, and where several
 * processes share the runs, it can be told whether anybody needs it: a run that has ended and whose result it is.
 */
export class RunFiles {
  readonly #source: RunFilesSource;
  #ready: Promise<FileStore> | undefined;
  /** Where nobody has named a store: the one that was made, which goes with the manager. */
  #own: FileStore | undefined;
  /** Where this process has all runs: their files, by their ordinals. */
  readonly #names = new Map<number, Set<string>>();
  /** Where others have them too: what is gone. */
  readonly #gone: GoneRuns | undefined;
  /** Removals that nobody else waits for. */
  readonly #work = new Set<Promise<void>>();
  #closed = false;

  constructor(source: RunFilesSource) {
    this.#source = source;
    const { backend, options } = source;
    if (backend.shared === true && options.files !== undefined)
      this.#gone = new GoneRuns(options.clock, (ids) => this.#removeOf(ids));
  }

  /** The backend is open: what earlier processes have left and nobody needs goes. */
  begin(): void {
    if (this.#source.options.files === undefined || this.#source.backend.storeId === null) return;
    this.#use().catch((err: unknown) => {
      this.#source.options.logger?.warn({ err }, 'Runs cannot store files here: their folder is not at hand');
    });
  }

  /**
   * Stores a file for a run.
   *
   * @throws {TaskError} BACKEND where there is no store, or it cannot be used. @throws as `FileStore.put`.
   */
  async put(run: StoredRun, source: ByteStream, options: PutOptions): Promise<StoredFile> {
    const store = await this.#use();
    const stored = await store.put(source, { ...options, label: labelFor(run) });
    this.#note(stored.name, run.ordinal);
    return stored;
  }

  /** Opens the file of a result. @throws {TaskError} BACKEND when it is not there, or cannot be read. */
  async open({ file, bytes }: FileResult): Promise<ByteStream> {
    const store = await this.#use();
    return store.open(file, { length: bytes });
  }

  /** Removes a file of a run that nobody needs. One that cannot be removed is left to a later process. */
  remove(name: string, { ordinal }: Pick<StoredRun, 'ordinal'>): void {
    this.#leave(name, ordinal);
    this.#do(async () => (await this.#use()).remove(name));
  }

  /** Removes a file of an attempt that was over for the backend, unless the run names it all the same. */
  removeUnlessNamed(name: string, { id, ordinal }: StoredRun): void {
    this.#do(() => this.#removeUnlessNeeded({ name, id, ordinal }, false));
  }

  /** The record of a run is gone, and its file goes with it. */
  forget({ id, ordinal }: StoredRun): void {
    this.#gone?.add(id);
    const names = this.#names.get(ordinal);
    if (names === undefined) return;
    this.#names.delete(ordinal);
    for (const name of names) this.remove(name, { ordinal });
  }

  /** Says that files were stored which the result of their run does not name. */
  tellOfLost({ id, task }: StoredRun, files: number): void {
    this.#source.options.logger?.warn(
      { runId: id, task, files },
      'A file was removed that is not the result of its run: a handler returns what ctx.file gives, and nothing around it',
    );
  }

  /** Waits for what is being removed, and closes the store that this manager has made. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#gone?.close();
    await this.#workDone();
    await this.#own?.close().catch((err: unknown) => this.#logNotRemoved(err));
  }

  /** @throws {TaskError} BACKEND where there is no store, or it cannot be used now. */
  #use(): Promise<FileStore> {
    return (this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined; // whatever was in the way may be gone the next time
      throw error;
    }));
  }

  async #prepare(): Promise<FileStore> {
    const { backend, options } = this.#source;
    const store = options.files ?? (this.#own ??= await ownFiles(backend));
    const { storeId, shared = false } = backend;
    if (storeId === null) return store;
    await store.belongTo({ storeId, shared }, shared ? await knownFiles(backend) : new Set());
    const left = runFiles(await store.labelled(shared ? LEFT_ALONE_MS : 0));
    for (const { name, ordinal } of left) this.#note(name, ordinal);
    this.#do(async () => {
      for (const file of left) await this.#removeUnlessNeeded(file, shared);
    });
    return store;
  }

  #note(name: string, ordinal: number): void {
    if (this.#source.backend.shared === true) return;
    const names = this.#names.get(ordinal);
    if (names === undefined) this.#names.set(ordinal, new Set([name]));
    else names.add(name);
  }

  #leave(name: string, ordinal: number): void {
    const names = this.#names.get(ordinal);
    if (names?.delete(name) === true && names.size === 0) this.#names.delete(ordinal);
  }

  #removeOf(ids: ReadonlySet<string>): void {
    this.#do(async () => {
      const files = runFiles(await (await this.#use()).labelled());
      for (const file of files) if (ids.has(file.id)) await this.#removeUnlessNeeded(file, true);
    });
  }

  /** A backend may answer at once: whoever looks at many files lets the event loop turn. */
  async #removeUnlessNeeded(file: RunFile, mayBecome: boolean): Promise<void> {
    await new Promise<void>(nextTurn);
    if (this.#closed || (await isNeeded(file, this.#source.backend, mayBecome))) return;
    await (await this.#use()).remove(file.name);
    this.#leave(file.name, file.ordinal);
  }

  #do(work: () => Promise<void>): void {
    const done = work().catch((err: unknown) => this.#logNotRemoved(err));
    this.#work.add(done);
    void done.then(() => this.#work.delete(done));
  }

  #logNotRemoved(err: unknown): void {
    this.#source.options.logger?.error({ err }, 'A file of a run could not be removed; a later process looks for it');
  }

  #workDone(): Promise<unknown> {
    if (this.#work.size === 0) return Promise.resolve();
    return within(CLOSE_MS, this.#source.options.clock, (done) => void Promise.all(this.#work).then(done));
  }
}

/**
 * A store for runs that go with the process: a folder of it alone among the system's temporary files.
 *
 * @throws {TaskError} BACKEND where runs outlive the process: nobody has said where their files are to be.
 */
async function ownFiles({ storeId }: Backend): Promise<FileStore> {
  if (storeId !== null) {
    throw new TaskError(
      'BACKEND',
      'This manager has no store for the files of its runs, which outlive the process: give it one, new TaskManager({ files: fileFolder({ folder }) }); errand serve has one in ERRAND_DATA',
    );
  }
  // Most managers never store a file.
  const [{ fileFolder }, { tmpdir }] = await Promise.all([
    import('../backends/files/file-folder.js'),
    import('node:os'),
  ]);
  return fileFolder({ folder: tmpdir() });
}
