import type { Claim, Claimed, FleetBook, KnownKey } from '../book/book.js';
import type { PostgresTables } from './postgres-tables.js';

/** What starts claim: ids, keys, and jobs that are still to be added. */
export class PostgresClaims {
  readonly #tables: PostgresTables;

  constructor(tables: PostgresTables) {
    this.#tables = tables;
  }

  async claim(claim: Claim): Promise<Claimed> {
    const { id, place, key, schedule, parent } = claim;
    const parameters = [
      ...[id, place.jobId, place.lane, place.ordinal, place.versionBase, place.since, claim.replaces],
      ...[key?.name ?? null, key?.fingerprint ?? null, key?.at ?? null, key?.keepMs ?? null, key?.maxKeys ?? null],
      ...[claim.job, claim.redrives, claim.expiresAt],
      ...(schedule === null
        ? [null, null, null, null]
        : [schedule.next.id, schedule.expectedVersion, schedule.next.version, JSON.stringify(schedule.next)]),
      ...(parent ? [parent.id, parent.ordinal] : []),
    ];
    const marks = parameters.map((_, index) => `$${index + 1}`).join(', ');
    const rows = await this.#tables.rows<{ claimed: Claimed }>(
      'accept a run',
      `SELECT @${parent ? 'claim_child' : 'claim'}(${marks}) AS claimed`,
      [...parameters],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('claim() gave no row');
    return row.claimed;
  }

  async unclaim({ id, place, key, redrives }: Parameters<FleetBook['unclaim']>[0]): Promise<void> {
    const parameters = [id, place.jobId, key?.name ?? null, redrives];
    await this.#tables.rows('take back a start', 'SELECT @unclaim($1, $2, $3, $4)', parameters);
  }

  async keyOf(name: string, now: number): Promise<KnownKey | undefined> {
    const [known] = await this.#tables.rows<KnownKey>(
      'look up an idempotency key',
      'SELECT id, fingerprint, expires_at <= $2 AS expired FROM @keys WHERE name = $1',
      [name, now],
    );
    return known;
  }

  async dropKey(name: string, id: string): Promise<void> {
    await this.#tables.rows('drop a key', 'DELETE FROM @keys WHERE name = $1 AND id = $2', [name, id]);
  }

  async keyEnded(name: string, id: string, at: number): Promise<void> {
    await this.#tables.rows('note that the run of a key has ended', 'SELECT @key_ended($1, $2, $3)', [name, id, at]);
  }

  async haveKeys(ids: readonly string[]): Promise<readonly boolean[]> {
    if (ids.length === 0) return [];
    const rows = await this.#tables.rows<{ id: string }>(
      'look for keys of runs',
      'SELECT DISTINCT id FROM @keys WHERE id = ANY ($1)',
      [ids],
    );
    const found = new Set(rows.map(({ id }) => id));
    return ids.map((id) => found.has(id));
  }

  async dropKeys(now: number, limit: number): Promise<void> {
    await this.#tables.rows(
      'drop old keys',
      `DELETE FROM @keys WHERE name IN (
        SELECT name FROM @keys WHERE ended_at IS NOT NULL AND expires_at <= $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
      )`,
      [now, limit],
    );
  }

  async added(jobId: string): Promise<void> {
    await this.#tables.rows('note that a job was added', 'DELETE FROM @outbox WHERE job_id = $1', [jobId]);
  }

  async unaddedJob(jobId: string): Promise<string | null> {
    const rows = await this.#tables.rows<{ text: string }>(
      'look for a job that was not added',
      'SELECT job_text AS text FROM @outbox WHERE job_id = $1',
      [jobId],
    );
    return rows[0]?.text ?? null;
  }

  async unadded(before: number, limit: number): Promise<readonly string[]> {
    const rows = await this.#tables.rows<{ text: string }>(
      'look for jobs that were not added',
      'SELECT job_text AS text FROM @outbox WHERE since < $1 ORDER BY since LIMIT $2',
      [before, limit],
    );
    return rows.map(({ text }) => text);
  }
}
