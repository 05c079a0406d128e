import type { RunFilter, StoredPage } from '../../ports/backend.js';
import type { Run } from '../../task/run.js';
import type { RunRecord } from './run-record.js';

/** How many records one page looks at: a filter that nothing matches must not block the event loop. */
const SCAN_LIMIT = 5_000;
/** Removed records are swept out of the log when they are most of it, and more than this. */
const SWEEP_FROM = 1_024;

/** All records: by id, and in the order of their acceptance. */
export class RunIndex {
  readonly #byId = new Map<string, RunRecord>();
  /** Ascending by ordinal; removed records stay until the next sweep. */
  #log: RunRecord[] = [];

  get(id: string): RunRecord | undefined {
    return this.#byId.get(id);
  }

  /** Adds a record that is newer than all others; one under the same id is forgotten. */
  add(record: RunRecord): void {
    this.#byId.set(record.id, record);
    this.#log.push(record);
    if (this.#log.length > 2 * this.#byId.size + SWEEP_FROM) this.#log = this.#log.filter((kept) => kept.kept);
  }

  remove(record: RunRecord): void {
    record.kept = false;
    if (this.#byId.get(record.id) === record) this.#byId.delete(record.id);
  }

  /** Every record, oldest first. */
  *all(): Iterable<RunRecord> {
    for (const record of this.#log) if (record.kept) yield record;
  }

  /**
   * A page, newest first: at most `limit` matches among the next {@link SCAN_LIMIT} records.
   *
   * @throws {RangeError} when the cursor is malformed.
   */
  page(filter: RunFilter): StoredPage {
    const items: Run[] = [];
    let at = filter.cursor === undefined ? this.#log.length : this.#before(readCursor(filter.cursor));
    const end = Math.max(0, at - SCAN_LIMIT);
    while (at > end && items.length < filter.limit) {
      at -= 1;
      const record = this.#log[at];
      if (record !== undefined && record.kept && matches(record, filter)) items.push(record.snapshot());
    }
    const last = this.#log[at];
    return at === 0 || last === undefined ? { items } : { items, nextCursor: last.ordinal.toString(36) };
  }

  /** Where the first record stands that is not older than `ordinal`. */
  #before(ordinal: number): number {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#log[middle]?.ordinal ?? Infinity) < ordinal) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function readCursor(cursor: string): number {
  const ordinal = /^[0-9a-z]{1,10}$/.test(cursor) ? parseInt(cursor, 36) : NaN;
  if (Number.isSafeInteger(ordinal)) return ordinal;
  throw new RangeError('cursor must be the nextCursor of an earlier page');
}

function matches(record: RunRecord, { status, task, tag, owner, deadLetters }: RunFilter): boolean {
  return (
    (status === undefined || status.includes(record.status)) &&
    (task === undefined || record.task === task) &&
    (tag === undefined || record.tags.includes(tag)) &&
    (owner === undefined || record.owner === owner) &&
    (!deadLetters || (record.status === 'failed' && record.redrivenBy === null))
  );
}
