import { afterAll } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';

import type { ChildServer } from './child-server.js';
import { postgresMissing, startPostgres } from './postgres.js';
import { describeWhereThere, type ServerForTests } from './server-for-tests.js';
import { redisMissing, startRedis } from './start-redis.js';

/** A server that only the tests of one file use, so that they may kill it. It is started when it is first needed. */
export interface OwnServer {
  readonly name: string;
  /** Does not run its tests where the server is not installed, and says so. */
  readonly describe: ServerForTests['describe'];
  /** The URL of an empty one, for one test. */
  readonly empty: () => Promise<string>;
  /** Kills, freezes and starts it again. */
  readonly process: () => ChildServer;
}

interface Started {
  readonly url: string;
  readonly process: ChildServer;
}

/** To be called at the top of a test file. @param settings as those of `startRedis`. */
export function ownRedis(settings: readonly string[] = []): OwnServer {
  return ownServer({
    name: 'Redis',
    missing: redisMissing(),
    start: (dir) => startRedis({ dir, settings }),
    clear: async (url) => {
      const client = new Redis(url);
      await client.flushall();
      await client.quit();
      return url;
    },
  });
}

/** To be called at the top of a test file. */
export function ownPostgres(): OwnServer {
  let databases = 0;
  return ownServer({
    name: 'PostgreSQL',
    missing: postgresMissing(),
    start: (dir) => startPostgres({ dir }),
    clear: async (url) => {
      const database = `test_${(databases += 1)}`;
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query(`CREATE DATABASE ${database}`);
      await client.end();
      return Object.assign(new URL(url), { pathname: `/${database}` }).href;
    },
  });
}

interface OwnKind {
  readonly name: string;
  readonly missing: string | undefined;
  readonly start: (dir: string) => Promise<Started>;
  readonly clear: (url: string) => Promise<string>;
}

function ownServer({ name, missing, start, clear }: OwnKind): OwnServer {
  let dir = '';
  let started: Started | undefined;
  afterAll(async () => {
    await started?.process.stop();
    if (dir !== '') await rm(dir, { recursive: true, force: true });
  });
  return {
    name,
    describe: describeWhereThere(name, missing),
    empty: async () => {
      if (started === undefined) {
        dir = await mkdtemp(join(tmpdir(), 'errand-server-'));
        started = await start(dir);
      }
      // A test that failed may have left it dead.
      if (!started.process.isRunning) await started.process.start();
      return clear(started.url);
    },
    process: () => {
      if (started === undefined) throw new Error('the server is not there yet: ask for an empty one first');
      return started.process;
    },
  };
}
