import { checkLimit } from '../../task/checks.js';
import { TaskError } from '../../task/errors.js';
import type { RunRecord } from '../live/run-record.js';

/** How many bytes the inputs, steps and results of runs take, as far as `weightOf` can tell, and how many they may take. */
export class MemoryBudget {
  readonly #max: number;
  #used = 0;
  /** What is used by runs that have not ended, or whose handlers are at work: it cannot be had by forgetting. */
  #active = 0;

  /** @throws {TypeError|RangeError} when `maxBytes` is no limit. */
  constructor(maxBytes: number) {
    this.#max = checkLimit('maxBytes', maxBytes);
  }

  get isOver(): boolean {
    return this.#used > this.#max;
  }

  /**
   * @param leaving an active run that would be cancelled for it
   * @throws {TaskError} QUEUE_FULL when forgetting all that has ended would not make room for this weight.
   */
  refuseIfFull(weight: number, leaving?: RunRecord): void {
    if (this.#active - (leaving?.weight ?? 0) + weight <= this.#max) return;
    const what =
      weight > this.#max
        ? 'The input takes more memory than those of all runs together may'
        : 'Inputs and steps of runs that have not ended take as much memory as they may; try again later';
    throw new TaskError('QUEUE_FULL', `${what} (about ${weight} of ${this.#max} bytes, maxBytes)`, {
      details: { weight, maxBytes: this.#max },
    });
  }

  /** A run was accepted. */
  add(record: RunRecord, weight: number): void {
    record.weight = weight;
    this.#used += weight;
    this.#active += weight;
  }

  /** An active run holds something else now. */
  change(record: RunRecord, weight: number): void {
    this.#used += weight - record.weight;
    this.#active += weight - record.weight;
    record.weight = weight;
  }

  /** A run has ended, and its handler has settled. */
  ended(record: RunRecord): void {
    this.#active -= record.weight;
  }

  /** Nothing holds this run any more, which had ended. */
  forget(record: RunRecord): void {
    this.#used -= record.weight;
    record.weight = 0;
  }
}
