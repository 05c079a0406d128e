import { prefixOf, type Queryable } from './postgres-tables.js';

/** BullMQ's number for a move that is refused because the lock is another's. */
const LOCK_MISMATCH = -6;

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

/**
 * Lets a job wait again that is locked with a token. BullMQ does nothing where it is locked with another one, and answers
 * as if it had.
 *
 * @throws {Error} with a code, as BullMQ's other moves do, where the lock is another's.
 */
export async function giveJobBack(
  pool: Queryable,
  schema: string,
  {
    queue,
    jobId,
    token,
    now,
  }: { readonly queue: string; readonly jobId: string; readonly token: string; readonly now: number },
): Promise<void> {
  const jobs = prefixOf(schema);
  const { rows } = await pool.query(
    `SELECT ${jobs}move_active_to_wait($1, id, $3, $4) FROM (
      SELECT id FROM ${jobs}job WHERE queue = $1 AND id = $2 AND state = 'active' AND lock_token = $3 FOR UPDATE
    ) held`,
    [queue, jobId, token, now],
  );
  if (rows.length === 0) throw Object.assign(new Error('The job is locked by somebody else'), { code: LOCK_MISMATCH });
}
