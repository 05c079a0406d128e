import type { ParentName, Place, Placed } from '../book/book.js';
import type { PostgresTables } from './postgres-tables.js';

const PLACE = `id, job_id AS "jobId", lane, ordinal, version_base AS "versionBase", since`;

interface PlaceRow extends Place {
  readonly id: string;
}

/** A place that waits to be written. */
interface NewPlace {
  readonly placed: Placed;
  readonly expiresAt: number | null;
  readonly parent: ParentName | null;
  readonly written: () => void;
  readonly failed: (error: unknown) => void;
}

/** The most places in one statement. */
const MOST_AT_ONCE = 1_000;

/** Where runs are. */
export class PostgresPlaces {
  readonly #tables: PostgresTables;
  #waiting: NewPlace[] = [];
  #writing = false;

  constructor(tables: PostgresTables) {
    this.#tables = tables;
  }

  /**
   * Answered before it is on disk: it will be when the job is that is added after the answer, as what is committed later
   * is written later. So both cost one wait for the disk. Alone, a place is nothing that may not be lost.
   *
   * What comes while a write is under way is written together after it: so they share a commit under load, too.
   */
  place(placed: Placed, expiresAt: number | null, parent: ParentName | null = null): Promise<void> {
    return new Promise((written, failed) => {
      this.#waiting.push({ placed, expiresAt, parent, written, failed });
      if (this.#writing) return;
      this.#writing = true;
      queueMicrotask(() => void this.#writeAll());
    });
  }

  async placesOf(ids: readonly string[]): Promise<readonly (Place | undefined)[]> {
    if (ids.length === 0) return [];
    const rows = await this.#rows('find runs', 'id = ANY ($1)', [ids]);
    const places = new Map(rows.map((row) => [row.id, placeOf(row)]));
    return ids.map((id) => places.get(id));
  }

  /** Those with the same ordinal as the last come with it, so that no page ever leaves one out. */
  async page(below: number, limit: number): Promise<readonly Placed[]> {
    const last = 'ordinal < $1 ORDER BY ordinal DESC FETCH FIRST $2 ROWS WITH TIES';
    const rows = await this.#rows('list runs', last, [below, limit]);
    return rows.map(placedOf);
  }

  async ofKind(kind: string): Promise<readonly Placed[]> {
    const kindOf = `split_part(lane, '|', 2)`;
    const rows = await this.#rows(
      'list runs of a kind',
      `${kindOf} = $1 AND ${kindOf} <> 'run' ORDER BY ordinal DESC`,
      [kind],
    );
    return rows.map(placedOf);
  }

  async childrenOf({ id, ordinal }: ParentName, which: 'all' | 'unended'): Promise<readonly Placed[]> {
    const unended = `NOT EXISTS (SELECT 1 FROM @notes n WHERE n.job_id = p.job_id AND n.end_status IS NOT NULL)
      AND NOT EXISTS (
        SELECT 1 FROM @jobs.job j WHERE j.queue = p.lane AND j.id = p.job_id AND j.finished_at_ms IS NOT NULL
      )`;
    const theirs = `parent_id = $1 AND parent_ordinal = $2 ${which === 'all' ? '' : `AND ${unended}`}`;
    const rows = await this.#rows('look for the children of a run', theirs, [id, ordinal]);
    return rows.map(placedOf);
  }

  async forget(gone: readonly { readonly id: string; readonly jobId: string; readonly lane: string }[]): Promise<void> {
    if (gone.length === 0) return;
    await this.#tables.rows('forget runs', 'SELECT @forget($1, $2, $3)', [
      gone.map(({ id }) => id),
      gone.map(({ jobId }) => jobId),
      gone.map(({ lane }) => lane),
    ]);
  }

  async expired(now: number, limit: number): Promise<readonly { readonly lane: string; readonly jobId: string }[]> {
    return this.#tables.rows(
      'find runs that waited too long',
      'SELECT lane, job_id AS "jobId" FROM @expiries WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2',
      [now, limit],
    );
  }

  async unexpire(jobIds: readonly string[]): Promise<void> {
    if (jobIds.length === 0) return;
    await this.#tables.rows('note that runs began', 'DELETE FROM @expiries WHERE job_id = ANY ($1)', [jobIds]);
  }

  #rows(what: string, which: string, values: Parameters<PostgresTables['rows']>[2]): Promise<readonly PlaceRow[]> {
    return this.#tables.rows<PlaceRow>(what, `SELECT ${PLACE} FROM @places p WHERE ${which}`, values);
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_AT_ONCE);
      try {
        await this.#write(batch);
        for (const { written } of batch) written();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#writing = false;
  }

  #write(batch: readonly NewPlace[]): Promise<unknown> {
    const places = batch.map(({ placed }) => placed.place);
    // Most runs are nobody's children, and pay nothing for those that are.
    const parents = batch.some(({ parent }) => parent !== null) ? batch.map(({ parent }) => parent) : [];
    const [types, columns] =
      parents.length > 0 ? [', $8::text[], $9::float8[]', ', parent_id, parent_ordinal'] : ['', ''];
    return this.#tables.rows(
      'accept runs',
      `WITH new AS (
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::float8[], $7::float8[]${types})
          AS n (id, job_id, lane, ordinal, version_base, since, expires_at${columns})
      ), soon AS (SELECT set_config('synchronous_commit', 'off', true)), expiring AS (
        INSERT INTO @expiries SELECT job_id, lane, expires_at FROM new WHERE expires_at IS NOT NULL ON CONFLICT DO NOTHING
      )
      INSERT INTO @places (id, job_id, lane, ordinal, version_base, since${columns})
      SELECT id, job_id, lane, ordinal, version_base, since${columns} FROM new, soon ON CONFLICT DO NOTHING`,
      [
        batch.map(({ placed }) => placed.id),
        places.map(({ jobId }) => jobId),
        places.map(({ lane }) => lane),
        places.map(({ ordinal }) => ordinal),
        places.map(({ versionBase }) => versionBase),
        places.map(({ since }) => since),
        batch.map(({ expiresAt }) => expiresAt),
        ...(parents.length > 0 ? [parents.map((of) => of?.id ?? null), parents.map((of) => of?.ordinal ?? null)] : []),
      ],
    );
  }
}

function placeOf({ jobId, lane, ordinal, versionBase, since }: PlaceRow): Place {
  return { jobId, lane, ordinal, versionBase, since };
}

function placedOf(row: PlaceRow): Placed {
  return { id: row.id, place: placeOf(row) };
}
