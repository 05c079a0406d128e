import type { MaybePromise } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { FailuresFile, ImportFailure } from './failures-file.js';
import { ItemCrashes } from './item-crashes.js';
import { checkpointOf, type ImportResult, type ImportState, resultOf } from './import-state.js';

/** What an {@link ImportLedger} works with. */
export interface LedgerParts {
  readonly failures: FailuresFile;
  /** Keeps how far the import has come; undefined where nobody could go on from there, as in memory. */
  readonly keep: ((checkpoint: Checkpoint) => MaybePromise<boolean>) | undefined;
  /** How many processes have died at the import since that was kept last. */
  readonly crashes: number;
}

/** A failure and whether its message was written for callers. */
export interface NotedFailure extends ImportFailure {
  readonly exposed: boolean;
}

/** A failure that was added to the file, and is not known to be there yet. */
interface Added {
  readonly index: number;
  /** Where its line ends, in bytes. */
  readonly end: number;
  /** How many were left out until then. */
  readonly omitted: number;
}

/**
 * The books of one import: which of its records have ended, and how. A record has ended when that is kept, its failure
 * with it; until then a process that takes the import up begins it again.
 */
export class ImportLedger {
  readonly file: ImportState['file'];
  readonly format: ImportState['format'];
  readonly crashes: ItemCrashes;
  readonly #parts: LedgerParts;
  /** What an earlier process has begun and not ended: to be begun again. */
  readonly #again: ReadonlySet<number>;
  readonly #from: number;
  readonly #begun: Set<number>;
  #next: number;
  #total: number | null;
  #succeeded: number;
  #failed: number;
  #failuresBytes: number;
  #omitted: number;
  #added: Added[] = [];
  /** Settles when the last group that was begun is written; never rejects. */
  #writing: Promise<void> = Promise.resolve();
  /** The group that is gathered. */
  #group: Promise<void> | undefined;

  constructor(state: ImportState, parts: LedgerParts) {
    this.file = state.file;
    this.format = state.format;
    this.#parts = parts;
    this.crashes = new ItemCrashes({ stored: state.crashes, begun: state.begun, crashes: parts.crashes });
    this.#again = new Set(state.begun);
    this.#from = state.next;
    this.#begun = new Set(state.begun);
    this.#next = state.next;
    this.#total = state.total;
    this.#succeeded = state.succeeded;
    this.#failed = state.failed;
    this.#failuresBytes = state.failures?.bytes ?? 0;
    this.#omitted = state.failures?.omitted ?? 0;
  }

  get total(): number | null {
    return this.#total;
  }

  get succeeded(): number {
    return this.#succeeded;
  }

  get failed(): number {
    return this.#failed;
  }

  /** What the import has come to; undefined while its records have not been counted. */
  get result(): ImportResult | undefined {
    return resultOf(this.#state);
  }

  /** Whether this record is still to be handled: no earlier process has ended it, and it is no suspect. */
  wants(index: number): boolean {
    return (index >= this.#from || this.#again.has(index)) && !this.crashes.isSuspect(index);
  }

  /** The import begins, or goes on: what is known of crashes is kept before the next one. */
  takeUp(): MaybePromise<void> {
    if (this.crashes.changed) return this.#keep();
  }

  /** The records were counted. */
  counted(total: number): MaybePromise<void> {
    this.#total = total;
    return this.#keep();
  }

  /**
   * A record begins, once this resolves where it is a promise. Records that are wanted begin in their order; each may
   * begin several times.
   */
  begin(index: number): MaybePromise<void> {
    this.#begun.add(index);
    if (index >= this.#next) this.#next = index + 1;
    this.crashes.begin(index);
    if (this.crashes.careful) return this.#keep();
  }

  /** Resolves when it is kept. */
  recordSucceeded(index: number): MaybePromise<void> {
    this.#end(index);
    this.#succeeded += 1;
    return this.#keep();
  }

  /** Resolves when it is kept. @throws {TaskError} BACKEND when the failure could not be stored. */
  async recordFailed({ exposed, ...failure }: NotedFailure): Promise<void> {
    const { failures, keep } = this.#parts;
    const adding = failures.add(failure, { exposed });
    this.#added.push({ index: failure.index, end: failures.end, omitted: failures.omitted });
    // Where nobody goes on from here, it has ended; it is written when there are enough of them.
    if (keep === undefined) this.#endAdded();
    await adding;
    if (keep !== undefined) await (this.#group ??= this.#writeGroup());
  }

  /** Writes everything down. @throws {TaskError} BACKEND when the last failures could not be stored. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#write();
  }

  /** Where the import has come to, as far as it is stored. */
  get #state(): ImportState {
    const { name } = this.#parts.failures;
    return {
      file: this.file,
      format: this.format,
      total: this.#total,
      next: this.#next,
      begun: [...this.#begun].sort((a, b) => a - b),
      succeeded: this.#succeeded,
      failed: this.#failed,
      failures: name === undefined ? null : { name, bytes: this.#failuresBytes, omitted: this.#omitted },
      crashes: this.crashes.stored,
    };
  }

  #keep(): MaybePromise<void> {
    const kept = this.#parts.keep?.(checkpointOf(this.#state));
    if (kept instanceof Promise) return kept.then(() => undefined);
  }

  /** One group at a time: what fails while one is written goes with the next. */
  async #writeGroup(): Promise<void> {
    await this.#writing;
    this.#group = undefined;
    const written = this.#write();
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(): Promise<void> {
    const count = this.#added.length;
    await this.#parts.failures.flush();
    this.#endAdded(count);
    await this.#keep();
  }

  #end(index: number): void {
    this.#begun.delete(index);
    this.crashes.end(index);
  }

  #endAdded(count = this.#added.length): void {
    const ended = this.#added.splice(0, count);
    for (const { index } of ended) this.#end(index);
    this.#failed += ended.length;
    const last = ended.at(-1);
    if (last === undefined) return;
    this.#failuresBytes = last.end;
    this.#omitted = last.omitted;
  }
}
