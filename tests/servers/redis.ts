import { isUsableRedis } from './redis-client.js';
import { type ServerForTests, serverForTests } from './server-for-tests.js';
import { redisMissing, startRedis } from './start-redis.js';

export { removeKeys } from './redis-client.js';
export { type OwnRedis, type OwnRedisOptions, startRedis } from './start-redis.js';

/**
 * The Redis that tests share: that of `REDIS_URL`; or the one on the standard port of this machine; or one of their own.
 * Each test has keys of its own there. To be called, and awaited, at the top of a test file.
 */
export function redisForTests(): Promise<ServerForTests> {
  return serverForTests({
    name: 'Redis',
    variable: 'REDIS_URL',
    standard: ['redis://127.0.0.1:6379'],
    isUsable: isUsableRedis,
    missing: redisMissing(),
    start: async (dir) => {
      const { url, process } = await startRedis({ dir });
      return { url, stop: () => process.stop() };
    },
  });
}
