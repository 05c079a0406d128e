import type { Retention } from '../../ports/backend.js';
import type { Clock, Timer } from '../../ports/clock.js';
import { nextTurn } from '../../timing/next-turn.js';
import type { RunStore } from './run-store.js';
import type { FileWork } from './sqlite-journal.js';
import type { StoredKeys } from './stored-keys.js';
import type { StoredRecord } from './stored-record.js';

/** How many runs one sweep removes at most: the rest go in the next turns. */
const SWEEP_MOST = 100;
/** The longest pause between two sweeps: the time of day may jump. */
const MAX_PAUSE_MS = 60_000;

/** What {@link StoredRetention} works with. */
export interface RetentionParts {
  readonly store: RunStore;
  readonly keys: StoredKeys;
  readonly clock: Clock;
  readonly retention: Retention;
  /** Whether a run that has ended is still in use: its handler is at work, or its end is not told yet. */
  readonly inUse: (record: StoredRecord) => boolean;
  /** How many ended runs retention counts, those in use not among them: failed ones, or the others. */
  readonly ended: (failed: boolean) => number;
  /** Does something within the next transaction. */
  readonly also: (work: FileWork) => void;
  /** These are no longer counted; those that are not kept for a key are gone. */
  readonly onOld: (record: StoredRecord, keptForKey: boolean) => void;
}

/** A run that retention counts no more. */
interface Old {
  readonly record: StoredRecord;
  readonly keptForKey: boolean;
}

/** Removes ended runs by age and number, a few at a time. Housekeeping never keeps the process up. */
export class StoredRetention {
  readonly #parts: RetentionParts;
  #timer: Timer | undefined;
  /** When the next sweep is due. */
  #dueAt = Infinity;
  #planned = false;
  #closed = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  /** Looks whether anything is due in a file that was just opened. */
  open(): void {
    this.#planNow();
  }

  /** A run has ended: there may be one too many, or none that is due before it. */
  put(record: StoredRecord): void {
    const failed = record.status === 'failed';
    if (this.#overflow(failed) > 0) this.#planNow();
    else this.#planAt(record.updatedAt + this.#keepMs(failed));
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #overflow(failed: boolean): number {
    const { maxFailed, maxFinished } = this.#parts.retention;
    return this.#parts.ended(failed) - (failed ? maxFailed : maxFinished);
  }

  #planNow(): void {
    if (this.#planned || this.#closed) return;
    this.#planned = true;
    nextTurn(() => {
      this.#planned = false;
      if (!this.#closed) this.#parts.also(this.#sweep);
    });
  }

  #planAt(at: number): void {
    if (at >= this.#dueAt || this.#closed) return;
    this.#dueAt = at;
    this.#timer?.cancel();
    const waitMs = Math.min(MAX_PAUSE_MS, Math.max(0, at - this.#parts.clock.now()));
    this.#timer = this.#parts.clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#planNow();
    });
    this.#timer.unref();
  }

  /** When the oldest one goes. */
  #oldestDueAt(failed: boolean): number | undefined {
    if (this.#parts.ended(failed) === 0) return undefined;
    const [oldest] = this.#oldest(failed, 1);
    return oldest === undefined ? undefined : oldest.updatedAt + this.#keepMs(failed);
  }

  #keepMs(failed: boolean): number {
    return failed ? this.#parts.retention.keepFailedMs : this.#parts.retention.keepResultMs;
  }

  /** Counts and tells only once it is committed: a sweep that the disk refuses is done again. */
  readonly #sweep: FileWork = () => {
    const olds = [true, false].map((failed) => this.#sweepShelf(failed));
    const dropped = this.#parts.keys.sweep();
    return () => {
      for (const { record, keptForKey } of olds.flat()) this.#parts.onOld(record, keptForKey);
      dropped();
      this.#planNext(olds.some(({ length }) => length === SWEEP_MOST));
    };
  };

  #planNext(full: boolean): void {
    // A sweep is planned: what went because there were too many only makes that too early.
    if (!full && this.#timer !== undefined) return;
    this.#dueAt = Infinity;
    if (full) this.#planNow();
    else for (const failed of [true, false]) this.#planAt(this.#oldestDueAt(failed) ?? Infinity);
  }

  /** @returns those that retention counts no more. */
  #sweepShelf(failed: boolean): readonly Old[] {
    const { store, keys } = this.#parts;
    return this.#oldOnes(failed).map((record) => {
      const keptForKey = keys.keeps(record);
      if (keptForKey) store.keepForKey(record.ordinal, false);
      else store.remove(record.ordinal);
      return { record, keptForKey };
    });
  }

  /** Those that are too many, or else too old: reading more than are removed would cost more than removing them. */
  #oldOnes(failed: boolean): readonly StoredRecord[] {
    const { clock, ended } = this.#parts;
    if (ended(failed) === 0) return [];
    const over = Math.min(SWEEP_MOST, this.#overflow(failed));
    if (over > 0) return this.#oldest(failed, over);
    return this.#oldest(failed, SWEEP_MOST, clock.now() - this.#keepMs(failed));
  }

  #oldest(failed: boolean, limit: number, until?: number): readonly StoredRecord[] {
    const { store, inUse } = this.#parts;
    // Few are in use: mostly one look is enough.
    for (let rows = limit; ; rows *= 2) {
      const found = store.oldest(failed, rows, until);
      const old = found.filter((record) => !inUse(record));
      if (old.length >= limit || found.length < rows) return old.slice(0, limit);
    }
  }
}
