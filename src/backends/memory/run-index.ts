import { nodeCrypto } from '../../timing/node-crypto.js';
import type { RunFilter, StoredPage } from '../../ports/backend.js';
import type { Run } from '../../task/run.js';
import { RecordLog } from './record-log.js';
import { readOrdinal, SCAN_LIMIT, writeOrdinal } from '../live/paging.js';
import { matches } from '../live/run-filter.js';
import type { RunRecord } from '../live/run-record.js';

/** All records: by id, and in the order of their acceptance. */
export class RunIndex {
  /** Those whose ids callers gave. */
  readonly #named = new Map<string, RunRecord>();
  /**
   * Those whose ids were made here, ascending by id: a search, now and then, takes the place of a Map entry for every
   * run, which would cost a fifth of the time of a run that does nothing, and 50 bytes.
   */
  readonly #made = new RecordLog();
  /** Tells cursors of this index from those of others: of another server, or of this one before it was started anew. */
  readonly #epoch = nodeCrypto().randomUUID().slice(0, 8);
  /** Ascending by ordinal. */
  readonly #log = new RecordLog();

  get(id: string): RunRecord | undefined {
    return this.#named.get(id) ?? this.#findMade(id);
  }

  /** Adds a record that is newer than all others and whose id no other has; `idIsNew` as in `NewRun`. */
  add(record: RunRecord, idIsNew: boolean): void {
    this.#log.push(record);
    const lastMade = this.#made.last;
    // An asynchronous schema may let one start overtake another.
    if (idIsNew && (lastMade === undefined || lastMade.id < record.id)) this.#made.push(record);
    else this.#named.set(record.id, record);
  }

  remove(record: RunRecord): void {
    record.kept = false;
    this.#log.noteRemoved();
    if (this.#named.size > 0 && this.#named.get(record.id) === record) this.#named.delete(record.id);
    else this.#made.noteRemoved();
  }

  #findMade(id: string): RunRecord | undefined {
    const record = this.#made.at(this.#made.firstIndex((made) => made.id >= id));
    return record !== undefined && record.kept && record.id === id ? record : undefined;
  }

  /** Every record, oldest first. */
  all(): Iterable<RunRecord> {
    return this.#log.kept();
  }

  /**
   * A page, newest first: at most `limit` matches among the next {@link SCAN_LIMIT} records.
   *
   * @throws {RangeError} when the cursor is malformed, or another index's: its place there means nothing here.
   */
  page(filter: RunFilter): StoredPage {
    const items: Run[] = [];
    let at = this.#log.length;
    if (filter.cursor !== undefined) {
      const ordinal = this.#readCursor(filter.cursor);
      at = this.#log.firstIndex((record) => record.ordinal >= ordinal);
    }
    const end = Math.max(0, at - SCAN_LIMIT);
    while (at > end && items.length < filter.limit) {
      at -= 1;
      const record = this.#log.at(at);
      if (record !== undefined && record.kept && matches(record, filter)) items.push(record.snapshot());
    }
    const last = this.#log.at(at);
    return at === 0 || last === undefined
      ? { items }
      : { items, nextCursor: `${this.#epoch}-${writeOrdinal(last.ordinal)}` };
  }

  #readCursor(cursor: string): number {
    return readOrdinal(cursor.startsWith(`${this.#epoch}-`) ? cursor.slice(this.#epoch.length + 1) : '');
  }
}
