import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Delivery } from '../../../src/backends/bullmq/delivering/delivery.js';
import type { ServerName } from '../../../src/backends/bullmq/server/server-failures.js';
import { postgresForTests } from '../../servers/postgres.js';
import { redisForTests, removeKeys } from '../../servers/redis.js';
import type { ServerForTests } from '../../servers/server-for-tests.js';

/** A server on which tests have fleets. */
export interface FleetGround extends ServerForTests {
  readonly name: ServerName;
  /** Takes the lock of a job away, as if its process had been silent for too long. */
  breakLock(prefix: string, delivery: Pick<Delivery, 'lane' | 'jobId'>): Promise<void>;
  /** What BullMQ keeps of lanes whose names end so. */
  keptOf(prefix: string, end: string): Promise<readonly string[]>;
  /** Removes all that a fleet has left. */
  remove(prefix: string): Promise<void>;
}

/** The Redis of a test file: to be awaited at its top. */
export async function redisGround(): Promise<FleetGround> {
  const server = await redisForTests();
  const { url } = server;
  return {
    ...{ ...server, name: 'redis' },
    breakLock: async (prefix, { lane, jobId }) => {
      const redis = new Redis(url);
      await redis.del(`${prefix}:${lane.name}:${jobId}:lock`);
      await redis.quit();
    },
    keptOf: async (prefix, end) => {
      const redis = new Redis(url);
      const names = await redis.keys(`${prefix}:*|${end}:*`);
      await redis.quit();
      return names;
    },
    remove: (prefix) => removeKeys(url, prefix),
  };
}

/** The PostgreSQL of a test file: to be awaited at its top. */
export async function postgresGround(): Promise<FleetGround> {
  const server = await postgresForTests();
  const rowsOf = async <R extends object>(text: string, values: string[] = []): Promise<readonly R[]> => {
    const client = new pg.Client(server.url);
    await client.connect();
    const { rows } = await client.query<R>(text, values);
    await client.end();
    return rows;
  };
  const query = async (text: string, values?: string[]): Promise<void> => {
    await rowsOf(text, values);
  };
  return {
    ...{ ...server, name: 'postgres' },
    breakLock: (prefix, { lane, jobId }) =>
      query(
        `UPDATE ${prefix}_bullmq.job SET lock_token = NULL, locked_until_ms = 0
        WHERE queue = $1 AND id = $2 AND state = 'active'`,
        [lane.name, jobId],
      ),
    keptOf: async (prefix, end) => {
      const tables = ['meta', 'event', 'rate_limit', 'metrics', 'job'];
      const all = tables.map(
        (table) => `SELECT '${table}' AS name FROM ${prefix}_bullmq.${table} WHERE queue LIKE '%|' || $1`,
      );
      return (await rowsOf<{ name: string }>(all.join(' UNION ALL '), [end])).map(({ name }) => name);
    },
    remove: (prefix) =>
      query(`DROP SCHEMA IF EXISTS ${prefix} CASCADE; DROP SCHEMA IF EXISTS ${prefix}_bullmq CASCADE`),
  };
}

/** Both, for what is the same on either. */
export async function fleetGrounds(): Promise<readonly FleetGround[]> {
  return [await redisGround(), await postgresGround()];
}

/** A prefix that is nobody else's. */
export function newPrefix(): string {
  return `t${randomBytes(6).toString('hex')}`;
}
