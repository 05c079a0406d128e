import type { FinalStatus } from '../../../task/status.js';
import type { LaneTally } from '../book/book.js';
import { ENDED, LIVE } from './postgres-note-functions.js';
import type { PostgresTables } from './postgres-tables.js';

/** Some runs of a lane, counted: those that ended so, or (null) have not ended. */
interface TallyRow {
  readonly lane: string;
  readonly status: FinalStatus | null;
  readonly runs: number;
  readonly held: number;
  readonly cancelling: number;
  readonly heldRetrying: number;
  readonly heldQueued: number;
  readonly retrying: number;
  readonly keyed: number;
}

/** A key still stands for the run of a note `n`. */
const KEYED = 'EXISTS (SELECT 1 FROM @keys k WHERE k.id = n.id)';

/** How many runs there are in states that only the book knows, and which of them are oldest. */
export class PostgresTallies {
  readonly #tables: PostgresTables;

  constructor(tables: PostgresTables) {
    this.#tables = tables;
  }

  /** The conditions are those of the indexes: what is counted is read in those alone. */
  async tallies(lanes: readonly string[], now: number): Promise<readonly LaneTally[]> {
    if (lanes.length === 0) return [];
    const rows = await this.#tables.rows<TallyRow>(
      'count runs',
      `SELECT lane, NULL AS status, count(*)::int AS runs, count(held_text)::int AS held,
        (count(*) FILTER (WHERE cancel_text IS NOT NULL AND held_text IS NULL))::int AS cancelling,
        (count(*) FILTER (WHERE held_text IS NOT NULL AND retry_at > $2))::int AS "heldRetrying",
        (count(*) FILTER (WHERE held_text IS NOT NULL AND retry_at <= $2))::int AS "heldQueued",
        (count(*) FILTER (WHERE retry_at > $2))::int AS retrying, 0 AS keyed
      FROM @notes WHERE lane = ANY ($1) AND ${LIVE} GROUP BY lane
      UNION ALL
      SELECT lane, end_status, count(*)::int, (count(*) FILTER (WHERE at_work))::int, 0, 0, 0, 0,
        (count(*) FILTER (WHERE NOT at_work AND ${KEYED}))::int
      FROM @notes n WHERE lane = ANY ($1) AND ${ENDED} GROUP BY lane, end_status`,
      [lanes, now],
    );
    return lanes.map((lane) => sumOf(rows.filter((row) => row.lane === lane)));
  }

  async oldestEnds(
    lane: string,
    status: FinalStatus,
    limit: number,
  ): Promise<readonly { readonly jobId: string; readonly id: string; readonly finishedAt: number }[]> {
    return this.#tables.rows(
      'look for old runs',
      `SELECT job_id AS "jobId", id, finished_at AS "finishedAt" FROM @notes n
      WHERE lane = $1 AND end_status = $2 AND ${ENDED} AND NOT at_work AND NOT ${KEYED}
      ORDER BY finished_at LIMIT $3`,
      [lane, status, limit],
    );
  }
}

function sumOf(rows: readonly TallyRow[]): LaneTally {
  const sum = (of: Exclude<keyof LaneTally, 'ended' | 'keyed'>): number =>
    rows.reduce((total, row) => total + row[of], 0);
  const byEnd = (of: 'runs' | 'keyed'): Record<FinalStatus, number> => {
    const ended = (status: FinalStatus): number => rows.find((row) => row.status === status)?.[of] ?? 0;
    return { completed: ended('completed'), failed: ended('failed'), cancelled: ended('cancelled') };
  };
  return {
    held: sum('held'),
    cancelling: sum('cancelling'),
    heldRetrying: sum('heldRetrying'),
    heldQueued: sum('heldQueued'),
    retrying: sum('retrying'),
    ended: byEnd('runs'),
    keyed: byEnd('keyed'),
  };
}
