import type { RunRecord } from '../live/run-record.js';

/** Removed records are swept out when they are a third of the log, and more than this. */
const SWEEP_FROM = 1_024;

/**
 * Records in an order in which new ones come last. Removed ones stay until the next sweep, but for those at the front:
 * runs mostly go in the order in which they came, and looking at all that stay would cost 0.25 µs a run.
 */
export class RecordLog {
  #records: RunRecord[] = [];
  /** Before this there are removed records only. */
  #front = 0;
  #removed = 0;

  get length(): number {
    return this.#records.length;
  }

  at(index: number): RunRecord | undefined {
    return this.#records[index];
  }

  get last(): RunRecord | undefined {
    return this.#records[this.#records.length - 1];
  }

  push(record: RunRecord): void {
    this.#records.push(record);
  }

  /** One of the records is not kept any more. */
  noteRemoved(): void {
    while (this.#records[this.#front]?.kept === false) this.#front += 1;
    this.#removed += 1;
    if (this.#removed > SWEEP_FROM + this.#records.length / 3) this.#sweep();
  }

  /** Where the first record stands that fits, where all that fit come last. */
  firstIndex(fits: (record: RunRecord) => boolean): number {
    let low = 0;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const record = this.#records[middle];
      if (record === undefined || fits(record)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Every record that is kept, in order. Records may come and go meanwhile. */
  *kept(): Iterable<RunRecord> {
    for (const record of this.#records) if (record.kept) yield record;
  }

  #sweep(): void {
    this.#records = this.#records.slice(this.#front);
    this.#removed -= this.#front;
    this.#front = 0;
    if (this.#removed <= SWEEP_FROM) return;
    this.#records = this.#records.filter((record) => record.kept);
    this.#removed = 0;
  }
}
