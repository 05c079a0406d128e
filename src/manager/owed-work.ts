/** Something that was promised and is not done yet. */
interface Debt {
  readonly task: string | null;
  /** Told when it cannot be done any more. */
  readonly tooLate: () => void;
}

/**
 * What a manager has promised to somebody who does not wait for it: it has to be started, and has to be done, before the
 * manager closes, or is told that it is too late.
 */
export class OwedWork {
  readonly #debts = new Set<Debt>();
  /** How many debts there are of each task; null for functions. */
  readonly #tasks = new Map<string | null, number>();
  #whenPaid: (() => void) | undefined;

  get size(): number {
    return this.#debts.size;
  }

  /** Whether runs of this task, or null for functions, may have to be done yet. */
  owes(task: string | null): boolean {
    return this.#tasks.has(task);
  }

  /** @returns says that it is done, or need not be done any more; may be called again. */
  owe(task: string | null, tooLate: () => void): () => void {
    const debt = { task, tooLate };
    this.#debts.add(debt);
    this.#tasks.set(task, (this.#tasks.get(task) ?? 0) + 1);
    return () => this.#pay(debt);
  }

  /** Calls back when nothing is owed, at once where nothing is. For one caller. */
  whenPaid(callback: () => void): void {
    if (this.#debts.size === 0) callback();
    else this.#whenPaid = callback;
  }

  /** Nothing can be done any more: says so to everybody who is owed something. */
  giveUp(): void {
    const debts = [...this.#debts];
    for (const debt of debts) this.#pay(debt);
    for (const { tooLate } of debts) tooLate();
  }

  #pay(debt: Debt): void {
    if (!this.#debts.delete(debt)) return;
    const left = (this.#tasks.get(debt.task) ?? 0) - 1;
    if (left > 0) this.#tasks.set(debt.task, left);
    else this.#tasks.delete(debt.task);
    if (this.#debts.size === 0) this.#whenPaid?.();
  }
}
