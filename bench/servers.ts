import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildServer } from '../tests/servers/child-server.js';
import { isUsablePostgres, removeSchemas } from '../tests/servers/postgres-client.js';
import { isUsableRedis, removeKeys } from '../tests/servers/redis-client.js';
import { postgresMissing, STANDARD_POSTGRES, startPostgres } from '../tests/servers/start-postgres.js';
import { redisMissing, startRedis } from '../tests/servers/start-redis.js';

/** The server that both sides of a row use. */
export interface BenchServer {
  readonly url: string;
  close(): Promise<void>;
}

/** A kind of server: that of a variable of the environment, or a standard one of this machine, or one that is started. */
export interface BenchServerKind {
  readonly name: string;
  readonly variable: string;
  readonly standard: readonly string[];
  readonly isUsable: (url: string) => Promise<boolean>;
  /** Why none can be started; undefined where one can. */
  readonly notInstalled: () => string | undefined;
  readonly start: (dir: string) => Promise<{ readonly url: string; readonly process: ChildServer }>;
  /** Removes everything that has such a prefix. */
  readonly remove: (url: string, prefix: string) => Promise<void>;
}

export const REDIS: BenchServerKind = {
  name: 'Redis',
  variable: 'REDIS_URL',
  standard: ['redis://127.0.0.1:6379'],
  isUsable: isUsableRedis,
  notInstalled: redisMissing,
  start: (dir) => startRedis({ dir }),
  remove: removeKeys,
};

export const POSTGRES: BenchServerKind = {
  name: 'PostgreSQL',
  variable: 'DATABASE_URL',
  standard: STANDARD_POSTGRES,
  isUsable: isUsablePostgres,
  notInstalled: postgresMissing,
  start: (dir) => startPostgres({ dir }),
  remove: removeSchemas,
};

/** Why there is none to measure on; undefined where there is one, or can be. */
export async function serverMissing(kind: BenchServerKind): Promise<string | undefined> {
  const reason = kind.notInstalled();
  if (reason === undefined || (await urlOf(kind)) !== undefined) return undefined;
  return `${reason}, none answers on its standard port, and ${kind.variable} is not set`;
}

/** One that is there, or one that is started until it is closed. */
export async function benchServer(kind: BenchServerKind): Promise<BenchServer> {
  const url = await urlOf(kind);
  if (url !== undefined) return { url, close: () => Promise.resolve() };
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-'));
  const own = await kind.start(dir);
  return {
    url: own.url,
    close: async () => {
      await own.process.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function urlOf({ variable, standard, isUsable }: BenchServerKind): Promise<string | undefined> {
  const named = process.env[variable];
  if (named) return named;
  for (const url of standard) if (await isUsable(url)) return url;
  return undefined;
}
