import type { RunFilter } from '../../ports/backend.js';
import type { NewRun } from '../../ports/new-run.js';
import type { RunKind } from '../../task/run.js';
import type { RunStatus } from '../../task/status.js';
import type { Lane } from '../live/lane.js';
import type { RunRecord } from '../live/run-record.js';
import type { DatabaseFile, Statement } from './database-file.js';
import { COLUMNS, readRun, RunRows, type RunRow } from './run-rows.js';
import { RunScan } from './run-scan.js';
import { SHORT_INPUT, type StoredRecord } from './stored-record.js';

/** With whether the input was left out because it is long: all of them at once may not fit. */
const LIVE_COLUMNS = `${COLUMNS.replace('input', `CASE WHEN length(input) <= ${SHORT_INPUT} THEN input END`)},
  coalesce(length(input) > ${SHORT_INPUT}, 0)`;

type LiveRow = readonly [...RunRow, long: number];

/** A hundred inputs and results of 1 MiB would take a second to read, only to be removed. */
const OLD_COLUMNS = COLUMNS.replace('input', 'NULL').replace('result', 'NULL');

/** How many runs are taken up in one turn of the event loop. */
const LIVE_PIECE = 200;

/** The table of runs: how records are written, found and removed. */
export class RunStore {
  /** What tells this file from all others. */
  readonly id: string;
  readonly #database: DatabaseFile;
  readonly #rows: RunRows;
  readonly #byId: Statement<RunRow>;
  readonly #byOrdinal: Statement<RunRow>;
  readonly #shown: Statement<RunRow>;
  readonly #input: Statement<readonly [input: string | null]>;
  readonly #delete: Statement;
  readonly #keep: Statement;
  readonly #counted: Statement;
  readonly #oldest: Statement<RunRow>;
  readonly #live: Statement<LiveRow>;
  readonly #forKeyAlone: Statement<RunRow>;
  readonly #older: Statement;
  readonly #children: Statement<readonly [ordinal: number]>;

  constructor(database: DatabaseFile) {
    this.#database = database;
    this.id = String(database.prepare('SELECT id FROM store').first()?.[0]);
    this.#rows = new RunRows(database);
    this.#byId = database.prepare(`SELECT ${COLUMNS} FROM runs WHERE id = ? AND kept < 2`);
    this.#byOrdinal = database.prepare(`SELECT ${COLUMNS} FROM runs WHERE ordinal = ?`);
    this.#shown = database.prepare(`SELECT ${COLUMNS} FROM runs WHERE ordinal = ? AND kept < 2`);
    this.#input = database.prepare('SELECT input FROM runs WHERE ordinal = ?');
    this.#delete = database.prepare('DELETE FROM runs WHERE ordinal = ?');
    this.#counted = database.prepare('SELECT 1 FROM runs WHERE ordinal = ? AND kept = 0');
    this.#keep = database.prepare('UPDATE runs SET kept = ? WHERE ordinal = ?');
    this.#live = database.prepare(
      `SELECT ${LIVE_COLUMNS} FROM runs WHERE finished_at IS NULL AND ordinal > ? ORDER BY ordinal LIMIT ?`,
    );
    this.#oldest = database.prepare(
      `SELECT ${OLD_COLUMNS} FROM runs WHERE finished_at IS NOT NULL AND kept = 0 AND (status = 'failed') = ?
        AND finished_at <= ? ORDER BY finished_at LIMIT ?`,
    );
    this.#forKeyAlone = database.prepare(`SELECT ${COLUMNS} FROM runs WHERE ordinal = ? AND kept > 0`);
    this.#children = database.prepare('SELECT ordinal FROM runs WHERE parent = ? ORDER BY ordinal');
    this.#older = database.prepare('SELECT 1 FROM runs WHERE ordinal < ? LIMIT 1');
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
    return this.#input.first(ordinal)?.[0] ?? null;
  }

  find(id: string): StoredRecord | undefined {
    return read(this.#byId.first(id));
  }

  at(ordinal: number): StoredRecord | undefined {
    return read(this.#byOrdinal.first(ordinal));
  }

  /** As {@link at}, but for a run whose id another one has taken. */
  shown(ordinal: number): StoredRecord | undefined {
    return read(this.#shown.first(ordinal));
  }

  /** The next runs that have not ended, oldest first, after an ordinal; long inputs stay in the file. */
  live(join: (run: NewRun) => Lane<RunRecord>, after = 0): StoredRecord[] {
    return this.#live.all(after, LIVE_PIECE).map((row) => {
      const record = readRun(row, join);
      if (row.at(-1) === 1) record.inputText = undefined;
      return record;
    });
  }

  /** The ordinals of the children of a run, in the order of acceptance; perhaps of some that are not {@link shown} any more. */
  children(parent: number): number[] {
    return this.#children.all(parent).map(([ordinal]) => ordinal);
  }

  /** The largest ordinal that was ever used. */
  lastOrdinal(): number {
    const row = this.#database.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'runs'`).first();
    return Number(row?.[0] ?? 0);
  }

  /** How many ended runs there are of each task and status. */
  endedCounts(): readonly (readonly [task: string | null, status: RunStatus, runs: number])[] {
    const sql = `SELECT task, status, count(*) FROM runs WHERE finished_at IS NOT NULL AND kept = 0 GROUP BY task, status`;
    return this.#database.prepare<readonly [string | null, RunStatus, number]>(sql).all();
  }

  /**
   * The oldest ended runs that retention still counts, failed ones or the others; without inputs and results.
   *
   * @param until only those that ended then or before.
   */
  oldest(failed: boolean, limit: number, until = Number.MAX_SAFE_INTEGER): StoredRecord[] {
    return this.#oldest.all(failed ? 1 : 0, until, limit).map((row) => readRun(row));
  }

  /** Every run of this kind, without inputs and results. */
  withoutValues(kind: RunKind): StoredRecord[] {
    const sql = `SELECT ${OLD_COLUMNS} FROM runs WHERE kind = ? ORDER BY ordinal`;
    const rows = this.#database.prepare<RunRow>(sql).all(kind);
    return rows.map((row) => readRun(row));
  }

  /** A run that is there for its key alone. */
  keptForKeyAlone(ordinal: number): StoredRecord | undefined {
    return read(this.#forKeyAlone.first(ordinal));
  }

  /** Looks for the runs of a page. */
  scan(filter: RunFilter): RunScan {
    return new RunScan(this.#database, filter);
  }

  /** Whether there are runs before this one. */
  hasOlder(ordinal: number): boolean {
    return this.#older.first(ordinal) !== undefined;
  }
}

function read(row: RunRow | undefined): StoredRecord | undefined {
  return row && readRun(row);
}
