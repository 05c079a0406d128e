import { afterEach } from '@jest/globals';
import { randomBytes } from 'node:crypto';

import { type BullmqOptions, checkBullmqOptions } from '../../../src/backends/bullmq/bullmq-options.js';
import { RedisServer } from '../../../src/backends/bullmq/redis/redis-server.js';
import type { Logger } from '../../../src/ports/logger.js';
import { removeKeys } from '../../servers/redis.js';
import { TcpProxy } from '../../servers/tcp-proxy.js';

/** What a process of a fleet may be given; the rest is the test's. */
export interface ProcessOptions extends Partial<BullmqOptions> {
  readonly logger?: Logger;
}

/** Processes of fleets on one Redis; all that is made is undone after each test of the file that calls `redisFleets`. */
export interface RedisFleets {
  /** A prefix that is nobody else's: its keys are removed after the test. */
  prefix(): string;
  /** A process that is not open, with a fleet of its own unless a prefix is given. */
  process(options?: ProcessOptions): RedisServer;
  opened(options?: ProcessOptions): Promise<RedisServer>;
  proxy(): Promise<TcpProxy>;
  /** Something to be undone after the test; what was made last is undone first. */
  later(step: () => unknown): void;
}

export function redisFleets(url: string): RedisFleets {
  const undo: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });
  const fleets: RedisFleets = {
    prefix: () => {
      const prefix = `t${randomBytes(5).toString('hex')}`;
      undo.push(() => removeKeys(url, prefix));
      return prefix;
    },
    process: ({ logger, ...options } = {}) => {
      const settings = checkBullmqOptions({ connection: url, prefix: options.prefix ?? fleets.prefix(), ...options });
      const server = new RedisServer({ settings, logger });
      undo.push(() => server.close());
      return server;
    },
    opened: async (options) => {
      const server = fleets.process(options);
      await server.open();
      return server;
    },
    proxy: async () => {
      const proxy = await TcpProxy.to(url);
      undo.push(() => proxy.close());
      return proxy;
    },
    later: (step) => void undo.push(step),
  };
  return fleets;
}
