import type { RunRecord } from './run-record.js';

const NONE: ReadonlySet<RunRecord> = new Set();

/** Records that are children of others, by their parents, in the order in which they came: whoever adds one removes it. */
export class Children {
  /** By the parent's ordinal: it may have gone before them, and another run may have its id. */
  readonly #of = new Map<number, Set<RunRecord>>();

  /** To be called with every run: most are nobody's child. */
  add(record: RunRecord): void {
    const ordinal = record.parent?.ordinal;
    if (ordinal === undefined) return;
    const siblings = this.#of.get(ordinal);
    if (siblings === undefined) this.#of.set(ordinal, new Set([record]));
    else siblings.add(record);
  }

  remove(record: RunRecord): void {
    const ordinal = record.parent?.ordinal;
    if (ordinal === undefined) return;
    const siblings = this.#of.get(ordinal);
    siblings?.delete(record);
    if (siblings?.size === 0) this.#of.delete(ordinal);
  }

  of({ ordinal }: { readonly ordinal: number }): ReadonlySet<RunRecord> {
    return this.#of.get(ordinal) ?? NONE;
  }
}
