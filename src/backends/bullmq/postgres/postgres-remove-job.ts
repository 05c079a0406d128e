import { prefixOf, type Queryable } from './postgres-tables.js';

/**
 * Removes a job, unless somebody has locked it. BullMQ looks whether somebody has, and deletes it in another statement:
 * one that was taken between both would go, and whoever has taken it would know of nothing. So nobody can take it from
 * here on, and what BullMQ looks at is what has been decided before.
 *
 * @param schema BullMQ's. @returns whether there is no such job (any more).
 */
export async function removeIdleJob(pool: Queryable, schema: string, queue: string, jobId: string): Promise<boolean> {
  const jobs = prefixOf(schema);
  const { rows } = await pool.query<{ removed: number }>(
    `SELECT ${jobs}remove($1, id, false) AS removed
    FROM (SELECT id FROM ${jobs}job WHERE queue = $1 AND id = $2 FOR UPDATE) held`,
    [queue, jobId],
  );
  return rows[0]?.removed !== 0;
}
