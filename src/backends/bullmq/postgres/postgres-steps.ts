import type { StepBook } from '../book/step-book.js';
import type { PostgresTables } from './postgres-tables.js';

/** Steps of runs that have not ended. */
export class PostgresSteps implements StepBook {
  readonly #tables: PostgresTables;

  constructor(tables: PostgresTables) {
    this.#tables = tables;
  }

  async keepStep(...[lane, jobId, delivery, step]: Parameters<StepBook['keepStep']>): Promise<string | null> {
    const { key, text, stalls } = step;
    const rows = await this.#tables.rows<{ kept: string | null }>(
      'keep a step',
      'SELECT @keep_step($1, $2, $3, $4, $5, $6) AS kept',
      [lane, jobId, delivery, stalls, key, text],
    );
    return rows[0]?.kept ?? null;
  }

  async stepsOf(jobId: string): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#tables.rows<{ key: string; text: string }>(
      'read steps',
      'SELECT key, step_text AS text FROM @steps WHERE job_id = $1',
      [jobId],
    );
    return new Map(rows.map(({ key, text }) => [key, text]));
  }

  async dropSteps(jobId: string): Promise<void> {
    await this.#tables.rows('let steps go', 'SELECT @drop_steps($1)', [jobId]);
  }
}
