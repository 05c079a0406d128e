import type { Retention } from '../../ports/backend.js';
import type { IdempotencyClaim } from '../../ports/new-run.js';
import type { Clock } from '../../ports/clock.js';
import { KeyRing } from './key-ring.js';
import type { RunRecord } from '../live/run-record.js';
import type { MemoryBudget } from './memory-budget.js';
import { Shelves } from './shelves.js';

/** What {@link EndedRuns} is made with. */
export interface EndedRunsParts {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly budget: MemoryBudget;
  /** A record is no longer kept. */
  readonly onGone: (record: RunRecord) => void;
}

/**
 * How long ended runs are kept: on their shelf by age and number, beyond that for their idempotency key, and no longer
 * than there is memory.
 */
export class EndedRuns {
  readonly #keys: KeyRing;
  readonly #shelves: Shelves;
  readonly #budget: MemoryBudget;
  readonly #onGone: (record: RunRecord) => void;

  constructor({ clock, retention, budget, onGone }: EndedRunsParts) {
    this.#budget = budget;
    this.#keys = new KeyRing(clock, retention, (record) => this.#gone(record));
    this.#shelves = new Shelves(clock, retention, (record) => this.#old(record));
    this.#onGone = onGone;
  }

  /** Takes in a run that has ended and whose handler has settled. */
  put(record: RunRecord): void {
    this.#budget.ended(record);
    this.#keys.ended(record);
    this.#shelves.put(record);
  }

  /** @throws {TaskError} as {@link KeyRing.find}. */
  findByKey(owner: string | null, claim: IdempotencyClaim): RunRecord | undefined {
    return this.#keys.find(owner, claim);
  }

  /** Lets a key stand for a run, which has just been accepted. */
  claimKey(owner: string | null, claim: IdempotencyClaim, record: RunRecord): void {
    this.#keys.claim(owner, claim, record);
  }

  /** Another run takes the id of this one. Its key still stands for it. */
  replace(record: RunRecord): void {
    if (!this.#keys.keepsAlone(record)) {
      this.#shelves.remove(record);
      this.#keys.keep(record);
    }
    this.#gone(record);
  }

  /** Forgets those first that ended first, until memory is within its budget again. */
  makeRoom(): void {
    while (this.#budget.isOver && this.#forgetOldest());
  }

  /** Leaves no timer behind, also where a handler that was left behind settles later. */
  close(): void {
    this.#keys.close();
    this.#shelves.close();
  }

  /** What is there for its key alone goes first, key and all; failed runs go last. */
  #forgetOldest(): boolean {
    const oldest = this.#keys.oldestAlone ?? this.#shelves.oldest;
    if (oldest === undefined) return false;
    if (!this.#keys.keepsAlone(oldest)) this.#shelves.remove(oldest);
    this.#keys.drop(oldest);
    this.#gone(oldest);
    return true;
  }

  #old(record: RunRecord): void {
    if (!this.#keys.keep(record)) this.#gone(record);
  }

  #gone(record: RunRecord): void {
    if (record.kept) this.#onGone(record);
    if (!this.#keys.holds(record)) this.#budget.forget(record);
  }
}
