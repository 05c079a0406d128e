import type { BookedEnd, KeptCancel, Note } from '../book/book.js';
import { HELD, OVER } from './postgres-note-functions.js';
import type { PostgresTables } from './postgres-tables.js';

/** A note as it is selected. */
interface NoteRow extends Omit<Note, 'cancel'> {
  readonly jobId: string;
  readonly cancel: string | null;
}

const NOTE = `job_id AS "jobId", cancel_text AS cancel, end_text AS end, held_text AS held, left_text AS left,
  delivery, checkpoint_text AS checkpoint, stalls_before AS "stallsBefore", has_steps AS steps, redriven_by AS "redrivenBy"`;

/** A job and the lane that it is in. */
interface JobIn {
  readonly lane: string;
  readonly jobId: string;
}

/** What is kept about single runs that BullMQ cannot say. */
export class PostgresNotes {
  readonly #tables: PostgresTables;
  /** The last job that was looked for to be finished. */
  #seenTo: JobIn = { lane: '', jobId: '' };
  #heldTo: JobIn = { lane: '', jobId: '' };

  constructor(tables: PostgresTables) {
    this.#tables = tables;
  }

  async notesOf(jobIds: readonly string[]): Promise<readonly (Note | undefined)[]> {
    if (jobIds.length === 0) return [];
    const rows = await this.#tables.rows<NoteRow>(
      'read notes of runs',
      `SELECT ${NOTE} FROM @notes WHERE job_id = ANY ($1)`,
      [jobIds],
    );
    const notes = new Map(rows.map((row) => [row.jobId, noteOf(row)]));
    return jobIds.map((jobId) => notes.get(jobId));
  }

  async requestCancel(lane: string, jobId: string, cancel: KeptCancel): Promise<KeptCancel | null> {
    const rows = await this.#tables.rows<{ kept: string | null }>(
      'ask for a cancel',
      'SELECT @request_cancel($1, $2, $3) AS kept',
      [lane, jobId, JSON.stringify(cancel)],
    );
    const kept = rows[0]?.kept ?? null;
    return kept === null ? null : readCancel(kept);
  }

  async cancels(lane: string): Promise<number> {
    const rows = await this.#tables.rows<{ number: number }>(
      'look for cancels',
      `SELECT count(*)::int AS number FROM @notes WHERE lane = $1 AND ${OVER}`,
      [lane],
    );
    return rows[0]?.number ?? 0;
  }

  async toCancel(limit: number): Promise<readonly JobIn[]> {
    const jobs = await this.#after(this.#seenTo, 'look for cancels to finish', OVER, limit);
    this.#seenTo = jobs.at(-1) ?? this.#seenTo;
    return jobs;
  }

  async heldEnds(limit: number): Promise<readonly JobIn[]> {
    const jobs = await this.#after(this.#heldTo, 'look for ends that handlers hold', HELD, limit);
    this.#heldTo = jobs.at(-1) ?? this.#heldTo;
    return jobs;
  }

  async dropCancel(_lane: string, jobId: string): Promise<void> {
    await this.#tables.rows('drop a late cancel', 'SELECT @drop_cancel($1)', [jobId]);
  }

  async end(ended: BookedEnd): Promise<boolean> {
    const { jobId, lane, id, status, finishedAt, held, text, keyName, onlyIfCancelled = false } = ended;
    const rows = await this.#tables.rows<{ ended: boolean }>(
      'end a run',
      `WITH ended AS (
        INSERT INTO @notes AS n (job_id, lane, id, end_status, finished_at, at_work, end_text, key_name)
        SELECT $1::text, $2::text, $3::text, $4::text, $5::double precision, $6::boolean, $7::text, $8::text
          -- Whoever lets the cancel go is waited for: he has told by then that it came too late.
          WHERE NOT $9::boolean
            OR EXISTS (SELECT 1 FROM @notes WHERE job_id = $1 AND cancel_text IS NOT NULL FOR UPDATE)
        ON CONFLICT (job_id) DO UPDATE SET lane = excluded.lane, id = excluded.id, end_status = excluded.end_status,
          finished_at = excluded.finished_at, at_work = excluded.at_work, end_text = excluded.end_text,
          key_name = excluded.key_name, held_text = NULL, left_text = NULL, retry_at = NULL
          WHERE n.end_status IS NULL
        RETURNING at_work
      ), expiry AS (DELETE FROM @expiries WHERE job_id = $1 AND EXISTS (SELECT 1 FROM ended)),
      -- Whoever keeps house would add the job again, and it would begin.
      claimed AS (DELETE FROM @outbox WHERE job_id = $1 AND EXISTS (SELECT 1 FROM ended))
      SELECT (SELECT @key_ended($8, $3, $5) FROM ended WHERE NOT at_work), (SELECT @drop_steps($1) FROM ended),
        EXISTS (SELECT 1 FROM ended) AS ended`,
      [jobId, lane, id, status, finishedAt, held, text, keyName, onlyIfCancelled],
    );
    return rows[0]?.ended ?? false;
  }

  async letGo(_lane: string, jobId: string): Promise<void> {
    await this.#tables.rows('let a run go', 'SELECT @let_go($1)', [jobId]);
  }

  hold(
    lane: string,
    jobId: string,
    delivery: number,
    held: { readonly text: string; readonly dueAt: number },
  ): Promise<boolean> {
    return this.#noteDelivery('hold a run', { lane, jobId, delivery }, { held_text: held.text, retry_at: held.dueAt });
  }

  /** What was held has become a job that waits. */
  async retryAt(lane: string, jobId: string, delivery: number, dueAt: number): Promise<void> {
    await this.#tables.rows(
      'note when a run is tried again',
      `INSERT INTO @notes AS n (job_id, lane, retry_at) VALUES ($1, $2, $3)
      ON CONFLICT (job_id) DO UPDATE SET lane = excluded.lane, retry_at = excluded.retry_at, held_text = NULL
        WHERE n.delivery <= $4 AND n.end_status IS NULL`,
      [jobId, lane, dueAt, delivery],
    );
  }

  async deliver(lane: string, jobId: string, delivery: number): Promise<Note> {
    const rows = await this.#tables.rows<NoteRow>(
      'take a run again',
      `INSERT INTO @notes AS n (job_id, lane, delivery) VALUES ($1, $2, $3)
      ON CONFLICT (job_id) DO UPDATE SET lane = excluded.lane, delivery = excluded.delivery,
        left_text = coalesce(n.held_text, n.left_text), held_text = NULL, retry_at = NULL
        WHERE n.delivery <= excluded.delivery
      RETURNING ${NOTE}`,
      [jobId, lane, delivery],
    );
    const [row] = rows;
    if (row !== undefined) return noteOf(row);
    const [later] = await this.notesOf([jobId]);
    if (later === undefined) throw new Error('a note is neither written nor there');
    return later;
  }

  checkpoint(
    lane: string,
    jobId: string,
    delivery: number,
    kept: { readonly text: string; readonly stalls: number },
  ): Promise<boolean> {
    const columns = { checkpoint_text: kept.text, stalls_before: kept.stalls };
    return this.#noteDelivery('keep a checkpoint', { lane, jobId, delivery }, columns);
  }

  /** Goes round: what is seen to in vain keeps nobody else waiting. */
  #after({ lane, jobId }: JobIn, what: string, which: string, limit: number): Promise<readonly JobIn[]> {
    const part = (where: string): string =>
      `(SELECT lane, job_id FROM @notes WHERE ${which} AND ${where} ORDER BY lane, job_id LIMIT $3)`;
    return this.#tables.rows(
      what,
      `SELECT lane, job_id AS "jobId"
      FROM (${part('(lane, job_id) > ($1, $2)')} UNION ALL ${part('(lane, job_id) <= ($1, $2)')}) jobs
      ORDER BY (lane, job_id) <= ($1, $2), lane, job_id LIMIT $3`,
      [lane, jobId, limit],
    );
  }

  /** @param kept by column. @returns false where the run has ended, or was delivered again. */
  async #noteDelivery(
    what: string,
    { lane, jobId, delivery }: { readonly lane: string; readonly jobId: string; readonly delivery: number },
    kept: Readonly<Record<string, string | number>>,
  ): Promise<boolean> {
    const columns = ['lane', 'delivery', ...Object.keys(kept)];
    const values = [jobId, lane, delivery, ...Object.values(kept)];
    const changed = await this.#tables.changed(
      what,
      `INSERT INTO @notes AS n (job_id, ${columns.join(', ')}) VALUES (${values.map((_, at) => `$${at + 1}`).join(', ')})
      ON CONFLICT (job_id) DO UPDATE SET ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}
        WHERE n.delivery <= excluded.delivery AND n.end_status IS NULL`,
      values,
    );
    return changed > 0;
  }
}

function noteOf(row: NoteRow): Note {
  const { cancel, end, held, left, delivery, checkpoint, stallsBefore, steps, redrivenBy } = row;
  const kept = cancel === null ? null : readCancel(cancel);
  return { cancel: kept, end, held, left, delivery, checkpoint, stallsBefore, steps, redrivenBy };
}

function readCancel(text: string): KeptCancel {
  return JSON.parse(text) as KeptCancel;
}
