import { checkProgress, MAX_NOTE } from '../task/check-progress.js';
import type { Progress } from '../task/run.js';
import type { Clock } from '../ports/clock.js';
import type { QueuedTimer, TimerQueue } from '../timing/timer-queue.js';

/** At most ten a second. */
const INTERVAL_MS = 100;

/** Takes every progress that a handler tells, stores at most ten a second, and always the last. */
export class ProgressMeter {
  readonly #store: (progress: Progress) => void;
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  #pending: Progress | undefined;
  #done = 0;
  #storedAt = -Infinity;
  #timer: QueuedTimer | undefined;

  constructor(store: (progress: Progress) => void, clock: Clock, timers: TimerQueue) {
    this.#store = store;
    this.#clock = clock;
    this.#timers = timers;
  }

  /** @throws {TypeError|RangeError} when a count is not a finite number of at least 0, or the note no string. */
  tell(done: number, total: number | null, note: string | null): void {
    checkProgress(done, total, note);
    if (done < this.#done) return;
    this.#done = done;
    this.#pending = { done, total, note: note === null ? null : note.slice(0, MAX_NOTE) };
    const waitMs = this.#storedAt + INTERVAL_MS - this.#clock.monotonic();
    if (waitMs <= 0) this.flush();
    else this.#timer ??= this.#timers.after(waitMs, () => this.flush());
  }

  /** Stores what was told last. */
  flush(): void {
    if (this.#timer) this.#timers.cancel(this.#timer);
    this.#timer = undefined;
    if (this.#pending === undefined) return;
    this.#storedAt = this.#clock.monotonic();
    // Snapshots and events share it.
    this.#store(Object.freeze(this.#pending));
    this.#pending = undefined;
  }
}
