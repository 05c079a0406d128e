import type { Clock, Timer } from '../../ports/clock.js';
import type { Retention } from '../../ports/backend.js';
import { RunList } from './run-list.js';
import type { RunRecord } from './run-record.js';

/** How many runs one sweep forgets at most: the rest go in the next turns. */
const SWEEP_MOST = 1_000;

/** Ended runs of one sort, oldest first. */
interface Shelf {
  readonly runs: RunList<RunRecord>;
  readonly keepMs: number;
  readonly max: number;
  size: number;
}

/** Ended runs, for as long and as many as retention keeps; what goes is handed to `forget`. */
export class Shelves {
  readonly #clock: Clock;
  readonly #forget: (record: RunRecord) => void;
  readonly #finished: Shelf;
  readonly #failed: Shelf;
  #timer: Timer | undefined;

  constructor(clock: Clock, retention: Retention, forget: (record: RunRecord) => void) {
    this.#clock = clock;
    this.#forget = forget;
    this.#finished = { runs: new RunList(), keepMs: retention.keepResultMs, max: retention.maxFinished, size: 0 };
    this.#failed = { runs: new RunList(), keepMs: retention.keepFailedMs, max: retention.maxFailed, size: 0 };
  }

  /** Keeps an ended run; the oldest one goes where there are too many. One at a time: bulk evictions make pauses. */
  put(record: RunRecord): void {
    const shelf = this.#shelfOf(record);
    shelf.runs.push(record);
    shelf.size += 1;
    if (shelf.size > shelf.max) this.#evict(shelf);
    else if (this.#timer === undefined) this.#plan();
  }

  /** As `put`, for a run that may have ended long ago. */
  putOld(record: RunRecord): void {
    if (record.updatedAt + this.#shelfOf(record).keepMs <= this.#clock.now()) this.#forget(record);
    else this.put(record);
  }

  /** Takes a run away before its time, without forgetting it. */
  remove(record: RunRecord): void {
    if (record.next === null) return;
    record.unlink();
    this.#shelfOf(record).size -= 1;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #shelfOf(record: RunRecord): Shelf {
    return record.status === 'failed' ? this.#failed : this.#finished;
  }

  #evict(shelf: Shelf): void {
    const oldest = shelf.runs.first;
    if (oldest === undefined) return;
    this.remove(oldest);
    this.#forget(oldest);
  }

  /** Housekeeping looks when the oldest run is due to go, and never keeps the process up. */
  #plan(): void {
    const now = this.#clock.now();
    const waits = [this.#finished, this.#failed].map(({ runs, keepMs }) =>
      runs.first === undefined ? Infinity : Math.max(0, runs.first.updatedAt + keepMs - now),
    );
    const wait = Math.min(...waits);
    if (wait === Infinity) return;
    this.#timer = this.#clock.after(wait, () => this.#sweep());
    this.#timer.unref();
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const shelf of [this.#finished, this.#failed]) {
      for (let evicted = 0; evicted < SWEEP_MOST; evicted += 1) {
        const oldest = shelf.runs.first;
        if (oldest === undefined || oldest.updatedAt + shelf.keepMs > now) break;
        this.#evict(shelf);
      }
    }
    this.#plan();
  }
}
