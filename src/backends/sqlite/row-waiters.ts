import type { StoredRecord } from './stored-record.js';

interface Waiter {
  readonly record: StoredRecord;
  readonly then: () => void;
}

/** Those who go on when the row of a record is written, whether that is safe or not. */
export class RowWaiters {
  #waiters: Waiter[] = [];

  get any(): boolean {
    return this.#waiters.length > 0;
  }

  /** Resolves with the first {@link tell} that finds the row written. */
  add(record: StoredRecord): Promise<void> {
    return new Promise((then) => this.#waiters.push({ record, then }));
  }

  /** More rows are written. */
  tell(): void {
    const isWritten = ({ record }: Waiter): boolean => !record.dirty;
    const written = this.#waiters.filter(isWritten);
    if (written.length === 0) return;
    this.#waiters = this.#waiters.filter((each) => !isWritten(each));
    for (const { then } of written) then();
  }
}
