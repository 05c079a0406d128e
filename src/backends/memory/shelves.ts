import type { Clock, Timer } from '../../ports/clock.js';
import type { Retention } from '../../ports/backend.js';
import { RunList } from '../live/run-list.js';
import type { RunRecord } from '../live/run-record.js';

/** How many runs one sweep forgets at most: the rest go in the next turns. */
const SWEEP_MOST = 1_000;

/** Ended runs of one sort, oldest first. */
interface Shelf {
  readonly runs: RunList<RunRecord>;
  readonly keepMs: number;
  readonly max: number;
  size: number;
  /** Each sort has its own: those kept for days must not hold up the sweep of those kept for an hour. */
  timer: Timer | undefined;
}

/** Ended runs, for as long and as many as retention keeps, by time that passes; what is to go is handed on. */
export class Shelves {
  readonly #clock: Clock;
  readonly #onOld: (record: RunRecord) => void;
  readonly #finished: Shelf;
  readonly #failed: Shelf;
  #closed = false;

  constructor(clock: Clock, retention: Retention, onOld: (record: RunRecord) => void) {
    this.#clock = clock;
    this.#onOld = onOld;
    this.#finished = newShelf(retention.keepResultMs, retention.maxFinished);
    this.#failed = newShelf(retention.keepFailedMs, retention.maxFailed);
  }

  /** Keeps an ended run; the oldest one goes where there are too many. One at a time: bulk evictions make pauses. */
  put(record: RunRecord): void {
    const shelf = this.#shelfOf(record);
    record.shelvedAt = Math.ceil(this.#clock.monotonic());
    shelf.runs.push(record);
    shelf.size += 1;
    if (shelf.size > shelf.max) this.#evict(shelf);
    else if (shelf.timer === undefined) this.#plan(shelf);
  }

  /** The one that is to go first where all are too many: of the finished ones, and only then of the failed ones. */
  get oldest(): RunRecord | undefined {
    return this.#finished.runs.first ?? this.#failed.runs.first;
  }

  /** Takes a run away before its time. */
  remove(record: RunRecord): void {
    if (record.next === null) return;
    record.unlink();
    this.#shelfOf(record).size -= 1;
  }

  /** Leaves no timer behind, also where a handler that was left behind settles later. */
  close(): void {
    this.#closed = true;
    for (const { timer } of [this.#finished, this.#failed]) timer?.cancel();
  }

  #shelfOf(record: RunRecord): Shelf {
    return record.status === 'failed' ? this.#failed : this.#finished;
  }

  #evict(shelf: Shelf): void {
    const oldest = shelf.runs.first;
    if (oldest === undefined) return;
    this.remove(oldest);
    this.#onOld(oldest);
  }

  /** Housekeeping looks when the oldest run is due to go, and never keeps the process up. */
  #plan(shelf: Shelf): void {
    const oldest = shelf.runs.first;
    if (oldest === undefined || this.#closed) return;
    const waitMs = Math.max(0, oldest.shelvedAt + shelf.keepMs - this.#clock.monotonic());
    shelf.timer = this.#clock.after(waitMs, () => this.#sweep(shelf));
    shelf.timer.unref();
  }

  #sweep(shelf: Shelf): void {
    shelf.timer = undefined;
    const now = this.#clock.monotonic();
    for (let evicted = 0; evicted < SWEEP_MOST; evicted += 1) {
      const oldest = shelf.runs.first;
      if (oldest === undefined || oldest.shelvedAt + shelf.keepMs > now) break;
      this.#evict(shelf);
    }
    this.#plan(shelf);
  }
}

function newShelf(keepMs: number, max: number): Shelf {
  return { runs: new RunList(), keepMs, max, size: 0, timer: undefined };
}
