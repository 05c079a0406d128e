import type { StoredRun } from '../ports/backend.js';
import type { Timer } from '../ports/clock.js';
import type { FileStore, StoredFile } from '../ports/files.js';
import { hasCode, RetryLaterError } from '../task/errors.js';
import { isFinal } from '../task/status.js';
import { FailuresFile } from './failures-file.js';
import { ImportFiles, type ImportFilesParts, type ReadableFailures } from './import-files.js';
import { type ImportState, stateOf, type StoredFailures } from './import-state.js';

/** How long a process that has no folder, or not the file of an import, waits before it looks again, in milliseconds. */
const AGAIN_MS = 10_000;

/**
 * The files of imports where several processes share the runs, and with them a folder. One of them stores a body, another
 * one reads it, and any may remove what is needed no more: what has become of an import is what its run says, not what
 * this process remembers. Room is counted by each for itself: the bodies of all imports that it knows, and the failures
 * of those that are at work here.
 */
export class SharedImportFiles extends ImportFiles {
  /** The runs whose end is waited for, by ordinal. */
  readonly #followed = new Set<number>();
  #isReady = false;
  #trying = false;
  #timer: Timer | undefined;
  #trouble = '';

  constructor(parts: ImportFilesParts) {
    super(parts);
    this.core.whenClosed(() => this.#timer?.cancel());
  }

  /** Not before the folder was found to be the others'; until then imports wait for a process that has it. */
  override mayBegin(): boolean {
    if (!this.#isReady && !this.#trying && this.#timer === undefined) void this.#try();
    return this.#isReady;
  }

  override async keepUntilEnd(runId: string, body: StoredFile): Promise<void> {
    this.spool.keep(runId, body);
    const run = await this.core.find(runId);
    if (run === undefined || isFinal(run.status)) await this.spool.removeOf(runId, body.name);
    else this.#follow(run, body);
  }

  /** From what the run says: they are written elsewhere, unless it is at work here. */
  override failuresOf(run: StoredRun): ReadableFailures | undefined {
    const live = this.failures.get(run.ordinal);
    const stored = stateOf(run)?.failures;
    if (live !== undefined || stored === null || stored === undefined) return live;
    return { open: () => this.store.open(stored.name, { length: stored.bytes }), omitted: stored.omitted };
  }

  /** @throws {RetryLaterError} where the files cannot be opened here: another process may be able to, or this one later. */
  override async beginFailures(run: StoredRun, state: ImportState): Promise<FailuresFile> {
    try {
      await canBeRead(this.store, state.file);
      const stored = state.failures && (await this.#copyOf(state.failures));
      this.#follow(run, state.file);
      const failures = new FailuresFile(this.store, this.failuresLimits, stored);
      this.failures.set(run.ordinal, failures);
      return failures;
    } catch (cause) {
      if (!hasCode(cause, 'BACKEND')) throw cause;
      throw new RetryLaterError(
        AGAIN_MS,
        'The file of this import cannot be opened by the process that was to handle it; all processes of a fleet need the same folder (ERRAND_DATA). It is tried again',
        { cause },
      );
    }
  }

  override async endFailures(run: StoredRun, failures: FailuresFile): Promise<void> {
    if (this.failures.get(run.ordinal) === failures) this.failures.delete(run.ordinal);
    await failures.close().finally(() => failures.leave());
  }

  override forget(run: StoredRun): void {
    const state = run.kind === 'import' ? stateOf(run) : undefined;
    if (state === undefined) return;
    const names = [state.file.name, ...(state.failures === null ? [] : [state.failures.name])];
    for (const name of names) this.store.remove(name).catch((err: unknown) => this.logNotRemoved(run.id, err));
  }

  protected override async find(): Promise<void> {
    try {
      await super.find();
    } catch (error) {
      this.#logTrouble(error);
      throw error;
    }
    this.#isReady = true;
    this.core.wake();
  }

  protected override adopt(run: StoredRun, { file }: ImportState): void {
    if (!isFinal(run.status)) this.#follow(run, file);
  }

  /** Whoever knows of a body removes it when its import has ended, wherever that was: the process that did may be gone. */
  #follow(run: StoredRun, file: StoredFile): void {
    const { id, ordinal } = run;
    this.spool.adopt(id, file);
    if (this.#followed.has(ordinal)) return;
    this.#followed.add(ordinal);
    this.core.backend.watch(run, 'final', ({ status }) => {
      this.#followed.delete(ordinal);
      // The backend closes, and the import goes on elsewhere.
      if (!isFinal(status)) return;
      this.spool.removeOf(id, file.name).catch((err: unknown) => this.logNotRemoved(id, err));
    });
  }

  /** Another process may still be writing to the file, without knowing that it has lost the import. */
  async #copyOf({ name, bytes, omitted }: StoredFailures): Promise<StoredFailures> {
    const copy = await this.store.append();
    try {
      const source = await this.store.open(name, { length: bytes });
      for await (const chunk of source) await copy.write(Buffer.from(chunk));
      await copy.sync();
    } finally {
      await copy.close();
    }
    return { name: copy.name, bytes, omitted };
  }

  async #try(): Promise<void> {
    this.#trying = true;
    try {
      await this.ready();
    } catch {
      this.#tryLater();
    } finally {
      this.#trying = false;
    }
  }

  /** Once for each kind of trouble: it is looked for again and again. */
  #logTrouble(err: unknown): void {
    const message = err instanceof Error ? err.message : '';
    if (message !== this.#trouble)
      this.core.options.logger?.warn({ err }, 'Imports are refused, and left to others: their files are not at hand');
    this.#trouble = message;
  }

  #tryLater(): void {
    if (this.core.closing) return;
    this.#timer = this.core.options.clock.after(AGAIN_MS, () => {
      this.#timer = undefined;
      this.core.wake();
    });
    this.#timer.unref();
  }
}

async function canBeRead(store: FileStore, { name }: StoredFile): Promise<void> {
  (await store.open(name)).destroy();
}
