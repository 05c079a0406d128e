import type { NewRun } from '../../ports/new-run.js';
import type { Progress, RunKind } from '../../task/run.js';
import { isFinal, type RunStatus } from '../../task/status.js';
import { decodeValue } from '../../task/stored-value.js';
import { Lane, LaneGroup } from '../live/lane.js';
import type { RunRecord } from '../live/run-record.js';
import type { DatabaseFile, SqlValue, Statement } from './database-file.js';
import { readOrigin, readRare, writeRare } from './rare-json.js';
import { StoredRecord } from './stored-record.js';

/** In the order of {@link RunRow}. */
export const COLUMNS = `ordinal, id, kind, task, queue, priority, max_attempts, created_at, input,
  status, attempt, version, updated_at, started_at, finished_at, result, progress, rare`;

/** A row of `runs`. */
export type RunRow = readonly [
  ordinal: number,
  id: string,
  kind: RunKind,
  task: string | null,
  queue: string,
  priority: number,
  maxAttempts: number,
  createdAt: number,
  input: string | null,
  status: RunStatus,
  attempt: number,
  version: number,
  updatedAt: number,
  startedAt: number | null,
  finishedAt: number | null,
  result: string | null,
  progress: string | null,
  rare: string | null,
];

/** Writes records as rows. To be called within a transaction. */
export class RunRows {
  readonly #insert: Statement;
  readonly #update: Statement;

  constructor(database: DatabaseFile) {
    this.#insert = database.prepare(`INSERT INTO runs (${COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`);
    this.#update = database.prepare(
      `UPDATE runs SET status = ?, attempt = ?, version = ?, updated_at = ?, started_at = ?, finished_at = ?, result = ?,
        progress = ?, rare = ?, input = CASE WHEN ? THEN input END WHERE ordinal = ?`,
    );
  }

  write(record: StoredRecord): void {
    const { ordinal, id, kind, task, queue, priority, maxAttempts, createdAt, status } = record;
    // A failed run can be redriven and needs its input for that; no other ended run does.
    const keepsInput = !isFinal(status) || status === 'failed';
    if (record.stored) this.#update.run(...stateOf(record), keepsInput ? 1 : 0, ordinal);
    else {
      const input = keepsInput ? (record.inputText ?? null) : null;
      this.#insert.run(ordinal, id, kind, task, queue, priority, maxAttempts, createdAt, input, ...stateOf(record));
    }
  }
}

/** What changes about a run. */
function stateOf(record: StoredRecord): readonly SqlValue[] {
  const { status, attempt, version, updatedAt, startedAt, resultText, progress } = record;
  return [
    status,
    attempt,
    version,
    updatedAt,
    startedAt,
    isFinal(status) ? updatedAt : null,
    resultText,
    progress === null ? null : JSON.stringify(progress),
    writeRare(record),
  ];
}

/**
 * Makes the record of a row.
 *
 * @param join finds the lane of a run that has not ended; one that has stands in none.
 */
export function readRun(row: RunRow, join: (run: NewRun) => Lane<RunRecord> = noLane): StoredRecord {
  const [ordinal, id, kind, task, queue, priority, maxAttempts, createdAt, inputText] = row;
  const { key, onCrash, maxCrashes, ...origin } = readOrigin(row[17]);
  const run: NewRun = {
    ...{ id, idIsNew: false, kind, task, queue, priority, maxAttempts, ...origin },
    ...{ input: undefined, delayMs: 0, expiresInMs: null, onCrash, maxCrashes },
    idempotency: key === null ? null : { key, fingerprint: '' },
  };
  const record = new StoredRecord(run, join(run), { ordinal, now: createdAt, inputText });
  restore(record, row);
  return record;
}

function noLane({ kind, task, queue }: NewRun): Lane<RunRecord> {
  return new Lane(new LaneGroup(kind, task), { name: queue, paused: false, queued: 0, lanes: 0 });
}

function restore(record: StoredRecord, row: RunRow): void {
  const [status, attempt, version, updatedAt, startedAt] = [row[9], row[10], row[11], row[12], row[13]];
  record.stored = true;
  record.status = status;
  record.attempt = attempt;
  record.version = version;
  record.updatedAt = updatedAt;
  record.startedAt = startedAt;
  record.resultText = row[15];
  record.result = decodeValue(row[15]);
  record.progress = row[16] === null ? null : (JSON.parse(row[16]) as Progress);
  record.input = decodeValue(row[8]);
  readRare(record, row[17]);
}
