import type { Outcome, Worker, WorkOptions } from '../../ports/backend.js';
import type { Clock } from '../../ports/clock.js';
import { describeError } from '../../task/run-error.js';
import { nextTurn } from '../../timing/next-turn.js';
import { TurnShare } from '../../timing/turn-share.js';
import type { Journal } from './journal.js';
import { STARTED } from './run-changes.js';
import type { RunLife } from './run-life.js';
import { MemoryLease, type RunRecord } from './run-record.js';
import { WaitingRuns } from './waiting-runs.js';

/** What a {@link Dispatcher} works with. */
export interface DispatcherParts {
  readonly clock: Clock;
  readonly life: RunLife;
  readonly journal: Journal;
  /** Whoever took a run threw: the run is to end so, and delivery goes on. */
  readonly onBroken: (lease: MemoryLease, outcome: Outcome) => void;
}

/**
 * Hands waiting runs out while slots are free. It begins in a microtask, so that a run can be cancelled in the turn in
 * which it was started; and when it has had its share of a turn, it lets the event loop turn.
 */
export class Dispatcher implements Worker {
  readonly waiting = new WaitingRuns();
  readonly #life: RunLife;
  readonly #journal: Journal;
  readonly #onBroken: (lease: MemoryLease, outcome: Outcome) => void;
  readonly #share: TurnShare;
  #options: WorkOptions | undefined;
  #awake = false;

  constructor({ clock, life, journal, onBroken }: DispatcherParts) {
    this.#life = life;
    this.#journal = journal;
    this.#onBroken = onBroken;
    this.#share = new TurnShare(() => clock.monotonic());
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
    this.waiting.push(record);
    this.wake();
  }

  wake(): void {
    if (this.#awake || this.#options === undefined) return;
    this.#awake = true;
    queueMicrotaskSafely(this.#drain);
  }

  readonly #newTurn = (): void => {
    this.#share.renew();
    this.#drain();
  };

  readonly #drain = (): void => {
    let more = false;
    try {
      more = this.#deliverShare();
    } finally {
      this.#awake = more;
    }
    if (more) nextTurn(this.#newTurn);
  };

  /** @returns whether it ended because the share of this turn is used up. */
  #deliverShare(): boolean {
    while (this.#options !== undefined) {
      const record = this.waiting.next(this.#options.freeSlots);
      if (record === undefined) return false;
      this.#deliver(record, this.#options);
      if (this.#share.isOver()) return true;
    }
    return false;
  }

  #deliver(record: RunRecord, options: WorkOptions): void {
    this.waiting.remove(record);
    const { rare } = record;
    if (rare?.repeat) rare.repeat = false;
    else record.attempt += 1;
    record.progress = null;
    this.#life.move(record, 'running', STARTED);
    record.startedAt = record.updatedAt;
    const lease = new MemoryLease(record);
    record.lease = lease;
    try {
      lease.holder = options.take(record, lease);
    } catch (error) {
      this.#onBroken(lease, brokenBy(record, error));
      return;
    }
    // A handler that was at work when the process was killed must be known to have been.
    this.#journal.after(record, this.#begin, lease);
  }

  readonly #begin = (lease: MemoryLease): void => {
    try {
      lease.holder?.begin();
    } catch (error) {
      this.#onBroken(lease, brokenBy(lease.run, error));
    }
  };
}

/** How a run ends whose holder threw, although holders must not. */
function brokenBy({ attempt }: RunRecord, cause: unknown): Outcome {
  return { type: 'failed', error: describeError(cause, attempt), cause };
}

const settled = Promise.resolve();

/** Fake timers may replace `queueMicrotask`; nothing replaces a promise's reactions. */
function queueMicrotaskSafely(callback: () => void): void {
  void settled.then(callback);
}
