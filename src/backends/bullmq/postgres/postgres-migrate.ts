import type * as Bullmq from 'bullmq';
import type { ClientBase } from 'pg';
import { loadPackage } from '../server/missing-package.js';
import { MIGRATIONS } from './postgres-migrations.js';
import { prefixOf, type Queryable, type Schemas, withSchemas } from './postgres-tables.js';
import { serverUnfit } from '../server/server-failures.js';

/** What the query for the version answers when there is no such schema, or no such table in it. */
const NOT_THERE = new Set(['3F000', '42P01']);

/**
 * Brings our tables up to date: all of it or nothing, and one process at a time. Looks first, so that processes which
 * find all in order wait for nobody, and need no right to create anything.
 *
 * @param client whose own this is: it holds a transaction. @param schemas BullMQ's tables are there.
 * @throws {TaskError} BACKEND when a newer Errand has made the tables.
 */
export async function migrateBook(client: ClientBase, schemas: Schemas): Promise<void> {
  if ((await versionNow(client, schemas.schema)) === MIGRATIONS.length) return;
  await client.query('BEGIN');
  try {
    await migrateAlone(client, schemas);
    await client.query('COMMIT');
  } catch (error) {
    // What went wrong is of more interest than that the connection is gone, too.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function migrateAlone(client: ClientBase, schemas: Schemas): Promise<void> {
  const { schema } = schemas;
  const prefix = prefixOf(schema);
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`${prefix} migrations`]);
  // Asked before: to create what is there needs the right to create all the same.
  const { rows } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (rows.length === 0) await client.query(`CREATE SCHEMA "${schema}"`);
  await client.query(`CREATE TABLE IF NOT EXISTS ${prefix}migrations (version integer PRIMARY KEY)`);
  const from = await versionOf(client, schema);
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < from) continue;
    await client.query(withSchemas(migration, schemas));
    await client.query(`INSERT INTO ${prefix}migrations VALUES ($1)`, [index + 1]);
  }
}

/** 0 where nothing was made yet. */
async function versionNow(client: ClientBase, schema: string): Promise<number> {
  try {
    return await versionOf(client, schema);
  } catch (error) {
    if (NOT_THERE.has(String(Reflect.get(Object(error), 'code')))) return 0;
    throw error;
  }
}

async function versionOf(client: ClientBase, schema: string): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT coalesce(max(version), 0)::int AS version FROM ${prefixOf(schema)}migrations`,
  );
  const version = rows[0]?.version ?? 0;
  if (version <= MIGRATIONS.length) return version;
  throw serverUnfit('postgres', `has the tables of a newer Errand in its schema "${schema}"; update this one`);
}

/**
 * Brings BullMQ's tables up to date, in a schema of their own. Where they are, it only looks.
 *
 * @throws {TaskError} BACKEND when a newer BullMQ has made them.
 */
export async function prepareJobs(client: ClientBase, schema: string): Promise<void> {
  const bullmq = await loadPackage('bullmq', () => import('bullmq'));
  try {
    if (await isPrepared(bullmq, client, schema)) return;
    await bullmq.runMigrations(client, schema);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'SchemaVersionMismatchError') throw error;
    throw serverUnfit('postgres', `has the tables of a newer BullMQ in its schema "${schema}"; update this one`);
  }
}

async function isPrepared(bullmq: typeof Bullmq, client: ClientBase, schema: string): Promise<boolean> {
  try {
    return (await bullmq.assertSchemaCompatibility(client, schema)) >= bullmq.LATEST_SCHEMA_VERSION;
  } catch (error) {
    if (error instanceof Error && error.name === 'SchemaMigrationRequiredError') return false;
    throw error;
  }
}

/** Removes what BullMQ keeps of a queue without jobs. It can only do that together with the jobs, however new they are. */
export async function dropQueue(pool: Queryable, schema: string, queue: string): Promise<void> {
  const prefix = prefixOf(schema);
  const from = (table: string): string =>
    `DELETE FROM ${prefix}${table} WHERE queue = $1 AND NOT EXISTS (SELECT 1 FROM ${prefix}job WHERE queue = $1)`;
  await pool.query(`WITH events AS (${from('event')}) ${from('meta')}`, [queue]);
}
