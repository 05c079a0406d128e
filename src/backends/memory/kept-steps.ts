import { weightOf } from '../../task/weight.js';
import type { MemoryLease, RunRecord } from '../live/run-record.js';
import type { MemoryBudget } from './memory-budget.js';

const NONE: ReadonlyMap<string, string> = new Map();

/**
 * What the steps of runs have come to. Like a result, a step is kept also where that goes beyond the budget: what it did
 * is done, and would be done again. Ended runs go for it, and starts are refused until there is room.
 */
export class KeptSteps {
  readonly #budget: MemoryBudget;
  readonly #makeRoom: () => void;

  constructor(budget: MemoryBudget, makeRoom: () => void) {
    this.#budget = budget;
    this.#makeRoom = makeRoom;
  }

  of(lease: MemoryLease): ReadonlyMap<string, string> {
    return lease.isCurrent ? new Map(lease.run.rare?.steps) : NONE;
  }

  /** @returns the text that is kept under this key; undefined where the lease is no longer valid. */
  keep(lease: MemoryLease, key: string, text: string): string | undefined {
    if (!lease.isCurrent) return undefined;
    const steps = (lease.run.seldom.steps ??= new Map<string, string>());
    const kept = steps.get(key);
    if (kept !== undefined) return kept;
    steps.set(key, text);
    this.#weigh(lease.run, weightOf(key) + weightOf(text));
    return text;
  }

  #weigh(record: RunRecord, more: number): void {
    this.#budget.change(record, record.weight + more);
    this.#makeRoom();
  }
}
