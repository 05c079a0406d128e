import type { Worker, WorkOptions } from '../../ports/backend.js';
import type { Clock } from '../../ports/clock.js';
import { nextTurn, TURN_MS } from '../../timing/next-turn.js';
import type { RunLife } from './run-life.js';
import { MemoryLease, type RunRecord } from './run-record.js';
import { WaitingRuns } from './waiting-runs.js';

/** After so many deliveries the dispatcher looks at the clock. */
const LOOK_EVERY = 64;

/**
 * Hands waiting runs out while slots are free. It begins in a microtask, so that a run can be cancelled in the turn in
 * which it was started; and after {@link TURN_MS} it lets the event loop turn, however fast the handlers are.
 */
export class Dispatcher implements Worker {
  readonly waiting = new WaitingRuns();
  readonly #clock: Clock;
  readonly #life: RunLife;
  #options: WorkOptions | undefined;
  #awake = false;
  #delivered = 0;
  #turnEndsAt = 0;

  constructor(clock: Clock, life: RunLife) {
    this.#clock = clock;
    this.#life = life;
  }

  work(options: WorkOptions): Worker {
    this.#options = options;
    this.wake();
    return this;
  }

  stop(): void {
    this.#options = undefined;
  }

  /** Puts a run, which has just become `queued`, in line. */
  enqueue(record: RunRecord): void {
    record.lane.push(record);
    this.wake();
  }

  wake(): void {
    if (this.#awake || this.#options === undefined) return;
    this.#awake = true;
    if (this.#turnIsOver()) nextTurn(() => this.#newTurn());
    else queueMicrotaskSafely(this.#drain);
  }

  #newTurn(): void {
    this.#turnEndsAt = this.#clock.monotonic() + TURN_MS;
    this.#drain();
  }

  /** Reading the clock at each delivery would cost more than the delivery. */
  #turnIsOver(): boolean {
    return this.#delivered % LOOK_EVERY === 0 && this.#clock.monotonic() > this.#turnEndsAt;
  }

  readonly #drain = (): void => {
    while (this.#options !== undefined) {
      const record = this.waiting.next(this.#options.freeSlots);
      if (record === undefined) break;
      this.#deliver(record, this.#options);
      this.#delivered += 1;
      if (this.#turnIsOver()) {
        nextTurn(() => this.#newTurn());
        return; // still awake
      }
    }
    this.#awake = false;
  };

  #deliver(record: RunRecord, options: WorkOptions): void {
    record.lane.remove(record);
    const { rare } = record;
    if (rare?.repeat) rare.repeat = false;
    else record.attempt += 1;
    record.progress = null;
    this.#life.move(record, 'running', STARTED);
    record.markStarted();
    const lease = new MemoryLease(record);
    record.lease = lease;
    const holder = options.take(record, lease);
    lease.holder = holder;
    holder.begin();
  }
}

const STARTED = () => ({ type: 'run:started' }) as const;

const settled = Promise.resolve();

/** Fake timers may replace `queueMicrotask`; nothing replaces a promise's reactions. */
function queueMicrotaskSafely(callback: () => void): void {
  void settled.then(callback);
}
