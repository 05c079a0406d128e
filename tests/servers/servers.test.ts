import { afterEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';

import { temporaryFolders } from '../temporary-folder.js';
import { postgresForTests, startPostgres } from './postgres.js';
import { redisForTests, startRedis } from './redis.js';
import { TcpProxy } from './tcp-proxy.js';

const redis = await redisForTests();
const postgres = await postgresForTests();

const folder = temporaryFolders();
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

redis.describe('a Redis of a test', () => {
  it('has what it was told before it was killed', async () => {
    const own = await startRedis({ dir: await folder() });
    undo.push(() => own.process.stop());
    const before = new Redis(own.url, { retryStrategy: () => null });
    await before.set('a', 'b');
    before.on('error', () => undefined);
    await own.process.kill();
    await own.process.start();
    const after = new Redis(own.url);
    undo.push(() => after.quit());
    expect(await after.get('a')).toBe('b');
  });

  it('is shared by all', async () => {
    const client = new Redis(redis.url);
    undo.push(() => client.quit());
    expect(await client.ping()).toBe('PONG');
  });
});

postgres.describe('a PostgreSQL of a test', () => {
  it('has what it was told before it was killed', async () => {
    const own = await startPostgres({ dir: await folder() });
    undo.push(() => own.process.stop());
    await query(own.url, 'CREATE TABLE a AS SELECT 7 AS b');
    await own.process.kill();
    await own.process.start();
    expect(await query(own.url, 'SELECT b FROM a')).toEqual([{ b: 7 }]);
  });

  it('is shared by all', async () => {
    expect(await query(postgres.url, 'SELECT 7 AS b')).toEqual([{ b: 7 }]);
  });
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<object>(text)).rows;
  } finally {
    await client.end();
  }
}

redis.describe('a proxy', () => {
  it('passes on, delays, swallows, cuts and drops', async () => {
    const proxy = await TcpProxy.to(redis.url);
    undo.push(() => proxy.close());
    const client = new Redis(proxy.urlOf(redis.url), { retryStrategy: () => 10, maxRetriesPerRequest: 0 });
    client.on('error', () => undefined);
    undo.push(() => client.disconnect());
    expect(await client.ping()).toBe('PONG');

    proxy.delay(50);
    const begunAt = performance.now();
    await client.ping();
    expect(performance.now() - begunAt).toBeGreaterThan(90);
    proxy.restore();

    proxy.swallow();
    const swallowed = client.ping();
    expect(await Promise.race([swallowed, new Promise((resolve) => setTimeout(resolve, 100, 'none'))])).toBe('none');
    proxy.restore();
    expect(await swallowed).toBe('PONG');

    proxy.cut();
    await new Promise((resolve) => client.once('ready', resolve));
    expect(await client.ping()).toBe('PONG');

    proxy.drop();
    await new Promise((resolve) => client.once('close', resolve));
    expect(proxy.open).toBe(0);
  });
});
