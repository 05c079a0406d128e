import type { NewRun } from '../../ports/new-run.js';
import type { Progress, RunKind } from '../../task/run.js';
import { isFinal, type RunStatus } from '../../task/status.js';
import { decodeValue } from '../../task/stored-value.js';
import { Lane, LaneGroup } from '../live/lane.js';
import type { RunRecord } from '../live/run-record.js';
import type { DatabaseFile, SqlValue, Statement } from './database-file.js';
import { originOf, parseRare, type RareJson, restoreRare, writeRare } from './rare-json.js';
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

/** A row, with whatever a look asks for beside it. */
type RunRowAndMore = readonly [...RunRow, ...unknown[]];

/** Writes records as rows. To be called within a transaction. */
export class RunRows {
  readonly #insert: Statement;
  readonly #insertChild: Statement;
  readonly #update: Statement;

  constructor(database: DatabaseFile) {
    const values = '?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?';
    this.#insert = database.prepare(`INSERT INTO runs (${COLUMNS}) VALUES (${values})`);
    // Most runs have no parent: one value more takes a twentieth of the time that an insert takes.
    this.#insertChild = database.prepare(`INSERT INTO runs (parent, ${COLUMNS}) VALUES (?,${values})`);
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
      const origin = [ordinal, id, kind, task, queue, priority, maxAttempts, createdAt, input] as const;
      if (record.parent === null) this.#insert.run(...origin, ...stateOf(record));
      else this.#insertChild.run(record.parent.ordinal, ...origin, ...stateOf(record));
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
export function readRun(row: RunRowAndMore, join: (run: NewRun) => Lane<RunRecord> = noLane): StoredRecord {
  const rare = parseRare(row[17]);
  const run = newRunOf(row, rare);
  const record = new StoredRecord(run, join(run), { ordinal: row[0], now: row[7], inputText: row[8] });
  restore(record, row, rare);
  return record;
}

/** Written out, for spreading took as long as the rest of reading a row, and retention reads each run once. */
function newRunOf(row: RunRowAndMore, rare: RareJson | null): NewRun {
  const { tags, owner, key, redriveOf, parent, hardLimitMs, onCrash, maxCrashes } = originOf(rare);
  return {
    id: row[1],
    idIsNew: false,
    kind: row[2],
    task: row[3],
    queue: row[4],
    input: undefined,
    priority: row[5],
    maxAttempts: row[6],
    onCrash,
    maxCrashes,
    delayMs: 0,
    expiresInMs: null,
    tags,
    owner,
    idempotency: key === null ? null : { key, fingerprint: '' },
    redriveOf,
    parent,
    hardLimitMs,
    checkpoint: null,
  };
}

/** Rows that are read one after the other are mostly of one task. */
let lastLane: Lane<RunRecord> | undefined;

/** What says the kind, task and queue of a run that stands in no lane. */
function noLane({ kind, task, queue }: NewRun): Lane<RunRecord> {
  if (lastLane?.kind === kind && lastLane.task === task && lastLane.queue.name === queue) return lastLane;
  lastLane = new Lane(new LaneGroup(kind, task), { name: queue, paused: false, queued: 0, lanes: 0 });
  return lastLane;
}

function restore(record: StoredRecord, row: RunRowAndMore, rare: RareJson | null): void {
  record.stored = true;
  record.status = row[9];
  record.attempt = row[10];
  record.version = row[11];
  record.updatedAt = row[12];
  record.startedAt = row[13];
  record.resultText = row[15];
  record.result = decodeValue(row[15]);
  record.progress = row[16] === null ? null : (JSON.parse(row[16]) as Progress);
  record.input = decodeValue(row[8]);
  restoreRare(record, rare);
}
