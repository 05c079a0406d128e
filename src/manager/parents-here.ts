import type { RunParent } from '../ports/new-run.js';
import type { StoredRun } from '../ports/backend.js';

/** The runs at work in this process that have started others: their children need not look whether they are still there. */
export class ParentsHere {
  readonly #groups = new Map<number, number>();

  /** @param run has children, whom somebody here cancels should it end. */
  add({ ordinal }: StoredRun): void {
    this.#groups.set(ordinal, (this.#groups.get(ordinal) ?? 0) + 1);
  }

  delete({ ordinal }: StoredRun): void {
    const left = (this.#groups.get(ordinal) ?? 0) - 1;
    if (left > 0) this.#groups.set(ordinal, left);
    else this.#groups.delete(ordinal);
  }

  has({ ordinal }: RunParent): boolean {
    return this.#groups.has(ordinal);
  }
}
