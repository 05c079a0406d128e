import type { Clock } from '../../ports/clock.js';
import { TimerQueue } from '../../timing/timer-queue.js';
import type { RunRecord } from './run-record.js';

/** Who is told when a time has come. */
export interface WaitsOver {
  /** A run that waited for its time is due. */
  readonly onDue: (record: RunRecord) => void;
  /** A run has waited for as long as it may; it may have begun meanwhile. */
  readonly onExpired: (record: RunRecord) => void;
}

/** The times that runs wait for, all on one timer of the clock's. */
export class RunWaits {
  readonly #clock: Clock;
  readonly #timers: TimerQueue;
  readonly #over: WaitsOver;

  constructor(clock: Clock, over: WaitsOver) {
    this.#clock = clock;
    this.#timers = new TimerQueue(clock);
    this.#over = over;
  }

  /** The run is due in `delayMs`. */
  wait(record: RunRecord, delayMs: number): void {
    const rare = record.seldom;
    rare.dueAt = this.#clock.now() + delayMs;
    rare.due = false;
    rare.dueTimer = this.#timers.after(delayMs, () => {
      rare.dueTimer = undefined;
      this.#over.onDue(record);
    });
  }

  /** The run may wait for `expiresInMs` at most. */
  limit(record: RunRecord, expiresInMs: number): void {
    const rare = record.seldom;
    rare.expiresAt = this.#clock.now() + expiresInMs;
    rare.expiryTimer = this.#timers.after(expiresInMs, () => {
      rare.expiryTimer = undefined;
      this.#over.onExpired(record);
    });
  }

  /** The run waits for nothing any more. */
  stop({ rare }: RunRecord): void {
    if (rare === null) return;
    if (rare.dueTimer) this.#timers.cancel(rare.dueTimer);
    if (rare.expiryTimer) this.#timers.cancel(rare.expiryTimer);
    rare.dueTimer = undefined;
    rare.expiryTimer = undefined;
  }

  /** Leaves no timer behind. */
  close(): void {
    this.#timers.clear();
  }
}
