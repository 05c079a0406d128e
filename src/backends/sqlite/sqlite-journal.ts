import type { Clock, Timer } from '../../ports/clock.js';
import type { Logger } from '../../ports/logger.js';
import { TaskError } from '../../task/errors.js';
import { nextTurn } from '../../timing/next-turn.js';
import type { Journal } from '../live/journal.js';
import type { RunRecord } from '../live/run-record.js';
import type { DatabaseFile } from './database-file.js';
import { JournalWaiters } from './journal-waiters.js';
import { RowWaiters } from './row-waiters.js';
import { SafeCommits } from './safe-commits.js';
import { StoredRecord } from './stored-record.js';

/** How many rows one transaction writes at most, give or take a pair: the event loop turns between two. */
const MOST_ROWS = 500;
/** How long changes that nobody waits for, such as progress, may wait for others to be written with. */
const LAZY_MS = 1_000;
/** Between two tries to write what could not be written. */
const RETRY_MS = 500;

/** What a {@link SqliteJournal} works with. */
export interface JournalParts {
  readonly database: DatabaseFile;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** Writes the rows of one record, within a transaction. */
  readonly write: (record: StoredRecord) => void;
  /** The row of a record is as the record is, for the first time where it is not `stored` yet. */
  readonly written: (record: StoredRecord) => void;
  /** A new run could not be stored: nobody was told of it, and it is to be as if it had never been. */
  readonly undo: (record: StoredRecord) => void;
}

/**
 * Something else that is done to the file; gives what is to follow once that is committed, for it may be taken back and
 * done again.
 */
export type FileWork = () => (() => void) | undefined;

/**
 * Writes what changed in a turn of the event loop at its end, all in one transaction: a commit costs as much as a
 * hundred rows. While the disk is at the last one, which the event loop does not wait for, changes gather. Where the disk
 * refuses, new runs are refused and everything else is tried again until it is written.
 */
export class SqliteJournal implements Journal {
  readonly #parts: JournalParts;
  /** Those whose rows are behind, in the order in which that began. */
  #dirty: StoredRecord[] = [];
  #work: FileWork[] = [];
  readonly #waiters: JournalWaiters;
  readonly #commits: SafeCommits;
  readonly #writers = new RowWaiters();
  #planned = false;
  #timer: Timer | undefined;
  #failing = false;
  #closed = false;

  constructor(parts: JournalParts) {
    this.#parts = parts;
    this.#waiters = new JournalWaiters((err) =>
      parts.logger?.error({ err }, 'What was to happen after a change was stored went wrong'),
    );
    this.#commits = new SafeCommits({
      ...{ database: parts.database, clock: parts.clock },
      onSafe: () => this.#tell(),
      onError: (error) => this.#complain(error),
      onStuck: () => this.#waiters.stuck(),
    });
  }

  /** Whether everything up to now is written. */
  get clean(): boolean {
    return this.#dirty.length === 0 && this.#work.length === 0;
  }

  changed(record: RunRecord): void {
    if (this.#closed || !(record instanceof StoredRecord) || record.refused) return;
    record.owedTo = Infinity;
    this.#mark(record);
    this.#plan();
  }

  changedLazily(record: RunRecord): void {
    if (this.#closed || !(record instanceof StoredRecord) || record.refused) return;
    this.#mark(record);
    this.#planIn(LAZY_MS);
  }

  after<T>(record: RunRecord, then: (subject: T) => void, subject: T): void {
    if (!(record instanceof StoredRecord) || !record.owed) then(subject);
    else this.#waiters.add({ record, commit: 0, then: () => then(subject) });
  }

  /**
   * Resolves when a record is written as it is now: it outlives the process from then on, but perhaps not a power cut. For
   * what nobody is told of, so that the disk need not be waited for.
   */
  written(record: StoredRecord): Promise<void> {
    if (!this.#closed) this.#mark(record);
    this.#plan();
    return this.#writers.add(record);
  }

  /** As `written`, where only what is written with the row has changed: a row with a long input takes long to write. */
  writtenBeside(record: StoredRecord): Promise<void> {
    if (!this.#closed) this.#markBeside(record);
    this.#plan();
    return this.#writers.add(record);
  }

  /** Does something else to the file within the next transaction; done again where that fails. */
  also(work: FileWork): void {
    this.#work.push(work);
    this.#plan();
  }

  /**
   * Resolves when everything up to now is in the file.
   *
   * @throws {TaskError} BACKEND when the next try to write it fails, or nothing gets to the disk for a few seconds;
   * it will be tried again all the same.
   */
  committed(): Promise<void> {
    if (this.clean && this.#commits.safe === this.#commits.made) return Promise.resolve();
    const commit = this.#commits.made + (this.clean ? 0 : 1);
    if (this.clean) this.#commits.sync();
    else this.#plan();
    // What is written last is written when everything is.
    const record = this.#dirty.at(-1);
    if (record !== undefined) record.owedTo = Infinity;
    return new Promise((resolve, reject) => this.#waiters.add({ record, commit, then: resolve, failed: reject }));
  }

  /**
   * Resolves when a record is in the file as it is now.
   *
   * @throws {TaskError} BACKEND when the next try to write it fails: one that is new then was refused; or when nothing
   * gets to the disk for a few seconds: it may do so later.
   */
  settled(record: StoredRecord): Promise<void> {
    if (!record.owed) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.add({ record, commit: 0, then: resolve, failed: reject }));
  }

  /** The last try, in this turn. What handlers that outlive it still report is not written any more. */
  close(): void {
    while (!this.clean && this.#flush());
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#commits.close();
    this.#waiters.end();
  }

  #mark(record: StoredRecord): void {
    record.rowIsBehind = true;
    this.#markBeside(record);
  }

  #markBeside(record: StoredRecord): void {
    if (record.dirty) return;
    record.dirty = true;
    this.#dirty.push(record);
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    nextTurn(this.#flushInTurn);
  }

  #planIn(delayMs: number): void {
    if (this.#planned || this.#timer !== undefined) return;
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#plan();
    });
  }

  readonly #flushInTurn = (): void => {
    this.#planned = false;
    if (this.#closed || this.clean) return;
    // Nobody can be told before the disk is ready for more: until then one commit is enough.
    if (this.#commits.syncing && !this.#writers.any && this.#dirty.length < MOST_ROWS) return;
    if (!this.#flush()) {
      this.#planIn(RETRY_MS);
      return;
    }
    if (this.#commits.owes) this.#commits.sync();
    this.#planRest();
  };

  #planRest(): void {
    if (!this.clean && !this.#closed) this.#plan();
  }

  /** More is safe than before. */
  #tell(): void {
    if (this.#failing) this.#parts.logger?.warn({}, 'Runs can be stored again');
    this.#failing = false;
    this.#waiters.tell(this.#commits.safe);
    this.#planRest();
  }

  /** @returns whether it could write. */
  #flush(): boolean {
    const batch = this.#dirty.splice(0, endOfBatch(this.#dirty));
    const work = this.#work.splice(0);
    let followUps: readonly (() => void)[];
    try {
      followUps = this.#commit(batch, work);
    } catch (error) {
      this.#dirty.unshift(...batch);
      this.#work.unshift(...work);
      this.#failed(error);
      return false;
    }
    for (const record of batch) this.#parts.written(record);
    this.#commits.add(batch, work.length > 0);
    for (const follow of followUps) follow();
    this.#writers.tell();
    return true;
  }

  #commit(batch: readonly StoredRecord[], work: readonly FileWork[]): readonly (() => void)[] {
    const { database, write } = this.#parts;
    let followUps: readonly (() => void)[] = [];
    database.transaction(() => {
      for (const record of batch) write(record);
      followUps = work.flatMap((each) => each() ?? []);
    });
    return followUps;
  }

  #failed(cause: unknown): void {
    this.#complain(cause);
    for (const record of this.#dirty) if (!record.stored) this.#refuse(record);
    this.#dirty = this.#dirty.filter(({ stored }) => stored);
    const message = 'Runs cannot be stored at the moment; try again later';
    this.#waiters.fail(new TaskError('BACKEND', message, { cause }), this.#commits.made);
  }

  #complain(cause: unknown): void {
    if (!this.#failing) this.#parts.logger?.error({ err: cause }, 'Runs cannot be stored; trying again until they can');
    this.#failing = true;
  }

  #refuse(record: StoredRecord): void {
    record.refused = true;
    record.dirty = false;
    this.#parts.undo(record);
  }
}

/** How many of these go together: a pair is never parted. */
function endOfBatch(dirty: readonly StoredRecord[]): number {
  let end = Math.min(MOST_ROWS, dirty.length);
  while (end < dirty.length && dirty[end - 1]?.withNext === true) end += 1;
  return end;
}
