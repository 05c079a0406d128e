import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isUsableRedis } from '../tests/servers/redis-client.js';
import { startRedis } from '../tests/servers/start-redis.js';

/** The Redis that both sides of a row use. */
export interface BenchRedis {
  readonly url: string;
  close(): Promise<void>;
}

const STANDARD = 'redis://127.0.0.1:6379';

/** That of `REDIS_URL`; or the one on the standard port of this machine; or one that is started. */
export async function benchRedis(): Promise<BenchRedis> {
  const named = process.env['REDIS_URL'];
  if (named) return { url: named, close: () => Promise.resolve() };
  if (await isUsableRedis(STANDARD)) return { url: STANDARD, close: () => Promise.resolve() };
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-'));
  const own = await startRedis({ dir });
  return {
    url: own.url,
    close: async () => {
      await own.process.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
