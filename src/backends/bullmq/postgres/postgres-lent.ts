import type { LentBook } from '../book/lent-book.js';
import type { PostgresTables } from './postgres-tables.js';

/** Slots that jobs have lent. */
export class PostgresLent implements LentBook {
  readonly #tables: PostgresTables;

  constructor(tables: PostgresTables) {
    this.#tables = tables;
  }

  async limitLane(lane: string, most: number | null): Promise<void> {
    await this.#tables.rows('change how many runs of a task may be at work', 'SELECT @limit_lane($1, $2)', [
      lane,
      most,
    ]);
  }

  async lend(lane: string, jobId: string, token: string): Promise<boolean> {
    const rows = await this.#tables.rows<{ lent: boolean }>(
      'lend the slot of a run',
      'SELECT @lend($1, $2, $3) AS lent',
      [lane, jobId, token],
    );
    return rows[0]?.lent ?? false;
  }

  async takeBack(...[lane, jobId, { token, force }]: Parameters<LentBook['takeBack']>): Promise<boolean> {
    const rows = await this.#tables.rows<{ back: boolean }>(
      'take the slot of a run back',
      'SELECT @take_back($1, $2, $3, $4) AS back',
      [lane, jobId, token, force],
    );
    return rows[0]?.back ?? false;
  }

  async dropLent(withinMs: number, now: number): Promise<void> {
    await this.#tables.rows('look for lent slots whose locks have run out', 'SELECT @drop_lent($1)', [
      Math.ceil(now + withinMs),
    ]);
  }
}
