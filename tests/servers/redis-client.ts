import { Redis } from 'ioredis';

/** Removes everything whose key begins with `prefix`. */
export async function removeKeys(url: string, prefix: string): Promise<void> {
  const client = new Redis(url);
  for await (const keys of client.scanStream({ match: `${prefix}:*`, count: 1_000 }) as AsyncIterable<string[]>)
    if (keys.length > 0) await client.unlink(...keys);
  await client.quit();
}

/** Whether there is a Redis that lets us in without a password and does not forget what it was told. */
export async function isUsableRedis(url: string): Promise<boolean> {
  return /^maxmemory_policy:noeviction/m.test((await infoOf(url)) ?? '');
}

/** What a Redis that lets us in without a password says of itself; undefined where there is none. */
async function infoOf(url: string): Promise<string | undefined> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 1_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.info();
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}
