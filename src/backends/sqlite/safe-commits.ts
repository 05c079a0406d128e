import type { Clock, Timer } from '../../ports/clock.js';
import type { DatabaseFile } from './database-file.js';
import type { StoredRecord } from './stored-record.js';

/** Between two tries to make commits safe. */
const RETRY_MS = 500;
/** Between two looks whether the disk gets anywhere. Whoever waits is told after one to three of them that it does not. */
const LOOK_MS = 1_500;

/** What {@link SafeCommits} works with. */
export interface SafetyParts {
  readonly database: Pick<DatabaseFile, 'whenSafe' | 'makeSafe'>;
  readonly clock: Clock;
  /** More commits are safe than before. */
  readonly onSafe: () => void;
  readonly onError: (error: unknown) => void;
  /** Called again and again while commits do not get safe, whether the disk refuses or does not answer. */
  readonly onStuck: () => void;
}

/** How many commits there were, and how many of them are safe: on the disk, unless less was promised. */
export class SafeCommits {
  readonly #parts: SafetyParts;
  #made = 0;
  #safe = 0;
  /** The records of commits that are not safe yet. */
  #waiting: StoredRecord[] = [];
  #syncing = false;
  #owes = false;
  #closed = false;
  /** The next try. */
  #retry: Timer | undefined;
  /** The next look whether more is safe than at the last one. */
  #look: Timer | undefined;

  constructor(parts: SafetyParts) {
    this.#parts = parts;
  }

  get made(): number {
    return this.#made;
  }

  get safe(): number {
    return this.#safe;
  }

  /** Whether the disk is at it. */
  get syncing(): boolean {
    return this.#syncing;
  }

  /** Whether somebody waits until what was committed is safe. */
  get owes(): boolean {
    return this.#owes;
  }

  /** A commit was made that wrote these; `more` where it did something else, too. */
  add(records: readonly StoredRecord[], more: boolean): void {
    this.#made += 1;
    this.#owes ||= more;
    for (const record of records) {
      record.written(this.#made);
      if (!record.owed) continue;
      this.#waiting.push(record);
      this.#owes = true;
    }
  }

  /** Makes all commits safe that there are, and those that are made meanwhile after them; tries until it can. */
  readonly sync = (): void => {
    if (this.#closed || this.#safe === this.#made) return;
    this.#watch();
    if (this.#syncing || this.#retry !== undefined) {
      this.#owes = true;
      return;
    }
    const commit = this.#made;
    this.#syncing = true;
    this.#owes = false;
    this.#parts.database.whenSafe((error) => {
      this.#syncing = false;
      if (this.#closed) return;
      if (error === null) {
        this.#advance(commit);
        if (this.#owes) this.sync();
      } else {
        this.#parts.onError(error);
        this.#tryLater();
      }
    });
  };

  #tryLater(): void {
    this.#retry = this.#parts.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.sync();
    });
  }

  #watch(): void {
    if (this.#look !== undefined) return;
    const safe = this.#safe;
    this.#look = this.#parts.clock.after(LOOK_MS, () => {
      this.#look = undefined;
      if (this.#safe === this.#made) return;
      this.#watch();
      if (this.#safe === safe) this.#parts.onStuck();
    });
    // Whoever waits for the disk keeps the process up.
    this.#look.unref();
  }

  /** The last try, in this turn. */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#look?.cancel();
    try {
      this.#parts.database.makeSafe();
      this.#advance(this.#made);
    } catch (error) {
      this.#parts.onError(error);
    }
  }

  #advance(commit: number): void {
    this.#safe = commit;
    this.#waiting = this.#waiting.filter((record) => {
      if (record.owedTo <= commit) record.owedTo = 0;
      // One that has changed since comes again with its next commit.
      return record.owed && record.owedTo < Infinity;
    });
    this.#parts.onSafe();
  }
}
