import type { Clock, Timer } from '../../ports/clock.js';
import { checkProgress, MAX_NOTE } from '../../task/check-progress.js';

/** Twice as often as the manager stores it. */
const INTERVAL_MS = 50;

/** A handler's progress: how far, of how much, and a note. */
export type Told = readonly [done: number, total: number | null, note: string | null];

/**
 * What a handler in a thread tells of its progress. A loop may do so a million times a second: one message goes out every
 * 50 ms, the last one always.
 */
export class ToldProgress {
  readonly #say: (told: Told) => void;
  readonly #clock: Clock;
  #most = 0;
  #pending: Told | undefined;
  #saidAt = -Infinity;
  #timer: Timer | undefined;

  constructor(say: (told: Told) => void, clock: Clock) {
    this.#say = say;
    this.#clock = clock;
  }

  /** @throws {TypeError|RangeError} when a count is not a finite number of at least 0, or the note no string. */
  tell(done: number, total: number | null, note: string | null): void {
    checkProgress(done, total, note);
    if (done < this.#most) return;
    this.#most = done;
    this.#pending = [done, total, note === null ? null : note.slice(0, MAX_NOTE)];
    const waitMs = this.#saidAt + INTERVAL_MS - this.#clock.monotonic();
    if (waitMs <= 0) this.flush();
    else this.#timer ??= this.#clock.after(waitMs, () => this.flush());
  }

  /** Says what was told last. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#pending === undefined) return;
    this.#saidAt = this.#clock.monotonic();
    this.#say(this.#pending);
    this.#pending = undefined;
  }
}
