import type { RunFilter } from '../../ports/backend.js';
import { RUN_STATUSES } from '../../task/status.js';
import { SCAN_LIMIT } from '../live/paging.js';
import type { DatabaseFile, SqlValue, Statement } from './database-file.js';
import { COLUMNS, readRun, type RunRow } from './run-rows.js';
import type { StoredRecord } from './stored-record.js';

/** How many rows are looked at in one go: a few milliseconds, where runs have failed again and again, with long errors. */
const PIECE_ROWS = 250;

/** What was found among the next rows. */
export interface ScanPiece {
  /** Of those that match, newest first. */
  readonly ordinals: readonly number[];
  /** How many were looked at. */
  readonly rows: number;
  /** The last one that was looked at; undefined where there is none. */
  readonly last: number | undefined;
}

/** Looks for the runs of a page, newest first, a piece at a time: what the file holds may be long. */
export class RunScan {
  /** How many rows a page looks at. */
  readonly #limit: number;
  readonly #filtered: boolean;
  readonly #values: readonly SqlValue[];
  readonly #piece: Statement<readonly [ordinals: string, rows: number, last: number | null]>;
  readonly #record: Statement<RunRow>;

  /** Prepares its statements: one for all filters would take up to half as long again as the one that is needed. */
  constructor(database: DatabaseFile, filter: RunFilter) {
    const { sql, values } = conditions(filter);
    this.#limit = filter.limit;
    this.#values = values;
    this.#filtered = sql !== '';
    // Without what may be long: it would be read for each row that is looked at.
    const piece = `SELECT ordinal, status, task, rare FROM runs WHERE ordinal < ? AND kept < 2 ORDER BY ordinal DESC LIMIT ?`;
    const matching = this.#filtered ? `FILTER (WHERE ${sql})` : '';
    this.#piece = database.prepare(
      `SELECT json_group_array(ordinal) ${matching}, count(*), min(ordinal) FROM (${piece})`,
    );
    const still = this.#filtered ? ` AND ${sql}` : '';
    this.#record = database.prepare(`SELECT ${COLUMNS} FROM runs WHERE ordinal = ? AND kept < 2${still}`);
  }

  /** Looks at the next rows before an ordinal, and at no more than are left of the {@link SCAN_LIMIT} of a page. */
  piece(before: number, looked: number): ScanPiece {
    const rows = Math.min(this.#filtered ? PIECE_ROWS : this.#limit, SCAN_LIMIT - looked);
    const [ordinals, count, last] = this.#piece.first(...(this.#filtered ? this.#values : []), before, rows) ?? [];
    return {
      ordinals: (JSON.parse(ordinals ?? '[]') as number[]).sort((a, b) => b - a),
      rows: count ?? 0,
      last: last ?? undefined,
    };
  }

  /** A run that was found, unless it has gone or changed since so that it does not match. */
  read(ordinal: number): StoredRecord | undefined {
    const row = this.#record.first(ordinal, ...this.#values);
    return row && readRun(row);
  }
}

/** Empty where every run matches. */
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
  return { sql: parts.map(([sql]) => sql).join(' AND '), values: parts.flatMap(([, values]) => values) };
}
