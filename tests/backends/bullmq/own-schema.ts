import { randomBytes } from 'node:crypto';

import pg from 'pg';

import { PostgresBook } from '../../../src/backends/bullmq/postgres/postgres-book.js';

/** A schema that is nobody else's, on a real PostgreSQL, and connections that see it. */
export interface OwnSchema {
  readonly name: string;
  /** Another process's, as it were: with connections of its own. */
  book(): PostgresBook;
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** In a transaction, which is committed when `work` is done. */
  transaction<T>(work: (query: (text: string) => Promise<unknown>) => Promise<T>): Promise<T>;
  /** Ends what was made, and drops the schema. */
  drop(): Promise<void>;
}

/** @param url of the PostgreSQL. */
export function ownSchema(url: string): OwnSchema {
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
    book: () => bookIn(name, newPool()),
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

function bookIn(schema: string, pool: pg.Pool): PostgresBook {
  return new PostgresBook({
    pool,
    schema,
    call: (_what, call) => call(),
    alone: async (_what, work) => {
      const client = await pool.connect();
      try {
        await work(client);
      } finally {
        client.release();
      }
    },
  });
}
