import type { Clock, Timer } from '../ports/clock.js';
import { Heap, type Heaped } from '../timing/heap.js';
import { nextTurn } from '../timing/next-turn.js';

/** How long nobody looks at the time of day at most, in milliseconds: it may have been set. */
const LOOK_MS = 30_000;
/** How many are called in one turn of the event loop: to compute a due time takes up to a tenth of a millisecond. */
const MOST_AT_ONCE = 50;

/** Something that is due at a time of day. */
export interface Due extends Heaped {
  /** In epoch milliseconds; changes only before {@link DueTimer.set}. Null: at no time. */
  readonly nextAt: number | null;
}

/** Calls each of many when its time of day has come, with one timer, which never keeps the process up. */
export class DueTimer<T extends Due> {
  readonly #clock: Clock;
  readonly #onDue: (due: T) => void;
  readonly #onSetBack: (now: number) => void;
  readonly #heap = new Heap<T>((a, b) => (a.nextAt ?? Infinity) < (b.nextAt ?? Infinity));
  #timer: Timer | undefined;
  #armedFor = Infinity;
  /** The time of day at the last look. */
  #seenAt = -Infinity;
  #looking = false;
  #closed = false;

  /**
   * @param calls.onDue is called once for each time that is set. Must not throw.
   * @param calls.onSetBack is called where the time of day has gone back. Must not throw.
   */
  constructor(clock: Clock, calls: { readonly onDue: (due: T) => void; readonly onSetBack: (now: number) => void }) {
    this.#clock = clock;
    this.#onDue = calls.onDue;
    this.#onSetBack = calls.onSetBack;
  }

  /** Whoever is given has another time from now on. */
  set(due: T): void {
    this.#heap.remove(due);
    if (this.#closed || due.nextAt === null) return;
    this.#heap.put(due);
    this.#arm();
  }

  /** It is not called any more. */
  remove(due: T): void {
    this.#heap.remove(due);
  }

  close(): void {
    this.#closed = true;
    this.#heap.clear();
    this.#disarm();
  }

  readonly #look = (): void => {
    this.#looking = false;
    if (this.#closed) return;
    this.#disarm();
    const now = this.#clock.now();
    if (now < this.#seenAt) this.#onSetBack(now);
    this.#seenAt = now;
    for (let called = 0; called < MOST_AT_ONCE; called += 1) {
      const first = this.#heap.first;
      if (first === undefined || (first.nextAt ?? Infinity) > now) break;
      this.#heap.remove(first);
      this.#onDue(first);
    }
    this.#arm();
  };

  #arm(): void {
    const at = this.#heap.first?.nextAt ?? Infinity;
    if (at >= this.#armedFor || this.#looking) return;
    this.#disarm();
    const waitMs = Math.ceil(at - this.#clock.now());
    if (waitMs <= 0) {
      this.#looking = true;
      nextTurn(this.#look);
      return;
    }
    this.#armedFor = at;
    this.#timer = this.#clock.after(Math.min(LOOK_MS, waitMs), this.#look);
    this.#timer.unref();
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Infinity;
  }
}
