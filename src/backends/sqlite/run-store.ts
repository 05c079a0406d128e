import type { RunFilter } from '../../ports/backend.js';
import type { NewRun } from '../../ports/new-run.js';
import { RUN_STATUSES, type RunStatus } from '../../task/status.js';
import type { Lane } from '../live/lane.js';
import type { RunRecord } from '../live/run-record.js';
import type { DatabaseFile, SqlValue, Statement } from './database-file.js';
import { COLUMNS, readRun, RunRows, type RunRow } from './run-rows.js';
import { SHORT_INPUT, type StoredRecord } from './stored-record.js';

/** How many rows one page looks at: a filter that nothing matches must not block the event loop. */
const SCAN_LIMIT = 5_000;

/** With whether the input was left out because it is long: all of them at once may not fit. */
const LIVE_COLUMNS = `${COLUMNS.replace('input', `CASE WHEN length(input) <= ${SHORT_INPUT} THEN input END`)},
  coalesce(length(input) > ${SHORT_INPUT}, 0)`;

/** A hundred inputs and results of 1 MiB would take a second to read, only to be removed. */
const OLD_COLUMNS = COLUMNS.replace('input', 'NULL').replace('result', 'NULL');

/** A page of rows, newest first, and where the next one begins. */
export interface RowPage {
  readonly records: readonly StoredRecord[];
  readonly nextBefore: number | undefined;
}

/** The table of runs: how records are written, found and removed. */
export class RunStore {
  readonly #database: DatabaseFile;
  readonly #rows: RunRows;
  readonly #byId: Statement;
  readonly #byOrdinal: Statement;
  readonly #input: Statement;
  readonly #delete: Statement;
  readonly #keep: Statement;
  readonly #counted: Statement;

  constructor(database: DatabaseFile) {
    this.#database = database;
    this.#rows = new RunRows(database);
    this.#byId = database.prepare(`SELECT ${COLUMNS} FROM runs WHERE id = ? AND kept < 2`);
    this.#byOrdinal = database.prepare(`SELECT ${COLUMNS} FROM runs WHERE ordinal = ?`);
    this.#input = database.prepare('SELECT input FROM runs WHERE ordinal = ?');
    this.#delete = database.prepare('DELETE FROM runs WHERE ordinal = ?');
    this.#counted = database.prepare('SELECT 1 FROM runs WHERE ordinal = ? AND kept = 0');
    this.#keep = database.prepare('UPDATE runs SET kept = ? WHERE ordinal = ?');
  }

  write(record: StoredRecord): void {
    this.#rows.write(record);
  }

  remove(ordinal: number): void {
    this.#delete.run(ordinal);
  }

  /** The run is kept for its idempotency key alone; with `replaced`, another run has its id. */
  keepForKey(ordinal: number, replaced: boolean): void {
    this.#keep.run(replaced ? 2 : 1, ordinal);
  }

  /** Whether retention counts this run: not where it is kept for its key alone, or gone. */
  counts(ordinal: number): boolean {
    return this.#counted.first(ordinal) !== undefined;
  }

  /** The input of a run, as text. */
  inputOf(ordinal: number): string | null {
    return (this.#input.first(ordinal)?.[0] ?? null) as string | null;
  }

  find(id: string): StoredRecord | undefined {
    return this.#read(this.#byId.first(id));
  }

  at(ordinal: number): StoredRecord | undefined {
    return this.#read(this.#byOrdinal.first(ordinal));
  }

  /** Every run that has not ended, oldest first; long inputs stay in the file. */
  live(join: (run: NewRun) => Lane<RunRecord>): StoredRecord[] {
    const rows = this.#database
      .prepare(`SELECT ${LIVE_COLUMNS} FROM runs WHERE finished_at IS NULL ORDER BY ordinal`)
      .all();
    return rows.map((row) => {
      const record = readRun(row as unknown as RunRow, join);
      if (row.at(-1) === 1) record.inputText = undefined;
      return record;
    });
  }

  /** The largest ordinal that was ever used. */
  lastOrdinal(): number {
    const row = this.#database.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'runs'`).first();
    return Number(row?.[0] ?? 0);
  }

  /** How many ended runs there are of each task and status. */
  endedCounts(): readonly (readonly [task: string | null, status: RunStatus, runs: number])[] {
    const sql = `SELECT task, status, count(*) FROM runs WHERE finished_at IS NOT NULL AND kept = 0 GROUP BY task, status`;
    return this.#database.prepare(sql).all() as unknown as readonly (readonly [string | null, RunStatus, number])[];
  }

  /** The oldest ended runs that retention still counts, failed ones or the others; without inputs and results. */
  oldest(failed: boolean, limit: number): StoredRecord[] {
    const sql = `SELECT ${OLD_COLUMNS} FROM runs WHERE finished_at IS NOT NULL AND kept = 0 AND (status = 'failed') = ?
      ORDER BY finished_at LIMIT ?`;
    return this.#database
      .prepare(sql)
      .all(failed ? 1 : 0, limit)
      .map((row) => readRun(row as unknown as RunRow));
  }

  /** A run that is there for its key alone. */
  keptForKeyAlone(ordinal: number): StoredRecord | undefined {
    const sql = `SELECT ${COLUMNS} FROM runs WHERE ordinal = ? AND kept > 0`;
    return this.#read(this.#database.prepare(sql).first(ordinal));
  }

  /** A page: at most `limit` matches among the next {@link SCAN_LIMIT} rows before `before`. */
  page(filter: RunFilter, before: number): RowPage {
    const window = `SELECT * FROM runs WHERE ordinal < ? AND kept < 2 ORDER BY ordinal DESC LIMIT ${SCAN_LIMIT}`;
    const { sql, values } = conditions(filter);
    const records = this.#database
      .prepare(`SELECT ${COLUMNS} FROM (${window}) WHERE ${sql} ORDER BY ordinal DESC LIMIT ?`)
      .all(before, ...values, filter.limit)
      .map((row) => readRun(row as unknown as RunRow));
    const last = records.length === filter.limit ? records.at(-1)?.ordinal : this.#end(before);
    const more = last !== undefined && this.#database.prepare('SELECT 1 FROM runs WHERE ordinal < ?').first(last);
    return { records, nextBefore: more === undefined || more === false ? undefined : last };
  }

  /** The last row that a page looks at. */
  #end(before: number): number | undefined {
    const sql = `SELECT ordinal FROM runs WHERE ordinal < ? AND kept < 2 ORDER BY ordinal DESC LIMIT 1 OFFSET ?`;
    const row = this.#database.prepare(sql).first(before, SCAN_LIMIT - 1);
    return row === undefined ? undefined : Number(row[0]);
  }

  #read(row: readonly SqlValue[] | undefined): StoredRecord | undefined {
    return row === undefined ? undefined : readRun(row as unknown as RunRow);
  }
}

function conditions({ status, task, tag, owner, deadLetters }: RunFilter): { sql: string; values: SqlValue[] } {
  const known = status?.filter((each) => RUN_STATUSES.includes(each));
  const parts: readonly (readonly [string, readonly SqlValue[]])[] = [
    ...(known === undefined ? [] : [[`status IN (${known.map(() => '?').join()})`, known] as const]),
    ...(task === undefined ? [] : [['task = ?', [task]] as const]),
    ...(tag === undefined
      ? []
      : [[`EXISTS (SELECT 1 FROM json_each(rare, '$.tags') WHERE value = ?)`, [tag]] as const]),
    ...(owner === undefined ? [] : [[`rare ->> '$.owner' = ?`, [owner]] as const]),
    ...(deadLetters ? [[`status = 'failed' AND rare ->> '$.redrivenBy' IS NULL`, []] as const] : []),
  ];
  return {
    sql: ['1', ...parts.map(([sql]) => sql)].join(' AND '),
    values: parts.flatMap(([, values]) => values),
  };
}
