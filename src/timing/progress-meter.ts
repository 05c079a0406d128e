import type { Clock } from '../ports/clock.js';
import { checkProgress, MAX_NOTE } from '../task/check-progress.js';
import type { Progress } from '../task/run.js';
import type { QueuedTimer, TimerQueue } from './timer-queue.js';

/** What a {@link ProgressMeter} goes by. */
export interface MeterTiming {
  /** The shortest time between two that are passed on, in milliseconds. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly timers: TimerQueue;
}

/**
 * Takes every progress that a handler tells, which may be a million times a second; passes one on in each interval, and
 * always the last.
 */
export class ProgressMeter {
  readonly #pass: (progress: Progress) => void;
  readonly #timing: MeterTiming;
  #pending: Progress | undefined;
  #done = 0;
  #passedAt = -Infinity;
  #timer: QueuedTimer | undefined;

  constructor(pass: (progress: Progress) => void, timing: MeterTiming) {
    this.#pass = pass;
    this.#timing = timing;
  }

  /** @throws {TypeError|RangeError} when a count is not a finite number of at least 0, or the note no string. */
  tell(done: number, total: number | null, note: string | null): void {
    checkProgress(done, total, note);
    if (done < this.#done) return;
    this.#done = done;
    this.#pending = { done, total, note: note === null ? null : note.slice(0, MAX_NOTE) };
    const { intervalMs, clock, timers } = this.#timing;
    const waitMs = this.#passedAt + intervalMs - clock.monotonic();
    if (waitMs <= 0) this.flush();
    else this.#timer ??= timers.after(waitMs, () => this.flush());
  }

  /** Passes on what was told last. */
  flush(): void {
    const { clock, timers } = this.#timing;
    if (this.#timer) timers.cancel(this.#timer);
    this.#timer = undefined;
    if (this.#pending === undefined) return;
    this.#passedAt = clock.monotonic();
    // Snapshots and events share it.
    this.#pass(Object.freeze(this.#pending));
    this.#pending = undefined;
  }
}
