import { afterAll } from '@jest/globals';
import { randomBytes } from 'node:crypto';

import pg from 'pg';

import type { FleetBook } from '../../../src/backends/bullmq/book/book.js';
import { postgresBook } from '../../../src/backends/bullmq/postgres/postgres-book.js';
import { prepareJobs } from '../../../src/backends/bullmq/postgres/postgres-migrate.js';

/** BullMQ's tables, for all schemas of a test file: to make them takes longer than most tests. */
const JOBS = `errand_test_${randomBytes(6).toString('hex')}_bullmq`;
let jobs: { readonly url: string; readonly made: Promise<void> } | undefined;

afterAll(async () => {
  if (jobs === undefined) return;
  await jobs.made;
  await alone(jobs.url, (client) => client.query(`DROP SCHEMA ${JOBS} CASCADE`));
});

async function alone(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await work(client).finally(() => client.end());
}

/** A schema that is nobody else's, on a real PostgreSQL, and connections that see it. */
export interface OwnSchema {
  readonly name: string;
  /** Where BullMQ's tables are. */
  readonly jobs: string;
  /** Another process's, as it were: with connections of its own. */
  book(): FleetBook;
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** In a transaction, which is committed when `work` is done. */
  transaction<T>(work: (query: (text: string) => Promise<unknown>) => Promise<T>): Promise<T>;
  /** Ends what was made, and drops the schema. */
  drop(): Promise<void>;
}

/** @param url of the PostgreSQL. */
export function ownSchema(url: string): OwnSchema {
  jobs ??= { url, made: alone(url, (client) => prepareJobs(client, JOBS)) };
  const { made } = jobs;
  const name = `errand_test_${randomBytes(6).toString('hex')}`;
  const pools: pg.Pool[] = [];
  const newPool = (): pg.Pool => {
    const pool = new pg.Pool({ connectionString: url, max: 4, options: '-c synchronous_commit=off' });
    pools.push(pool);
    return pool;
  };
  const own = newPool();
  return {
    name,
    jobs: JOBS,
    book: () => bookIn(name, newPool(), made),
    query: async (text, values = []) =>
      (await own.query<Record<string, unknown>>(text.replaceAll('@', `${name}.`), [...values])).rows,
    transaction: async (work) => {
      const client = await own.connect();
      await client.query('BEGIN');
      const result = await work((text) => client.query(text.replaceAll('@', `${name}.`)));
      await client.query('COMMIT');
      client.release();
      return result;
    },
    drop: async () => {
      await own.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

function bookIn(schema: string, pool: pg.Pool, ready: Promise<void>): FleetBook {
  return postgresBook({
    pool,
    schema,
    jobSchema: JOBS,
    call: (_what, call) => call(),
    alone: async (_what, work) => {
      await ready;
      const client = await pool.connect();
      try {
        await work(client);
      } finally {
        client.release();
      }
    },
  });
}
