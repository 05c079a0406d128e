import { createConnection } from 'node:net';

import { ChildServer, findProgram, freePort } from './child-server.js';

/** A Redis of a test's own. */
export interface OwnRedis {
  readonly url: string;
  /** Kills, freezes and starts it again, on the same port with what it had kept. */
  readonly process: ChildServer;
}

/** What Redis has confirmed is on its disk. Else a kill may lose what waited while the disk was busy. */
export const SAFE = ['--appendfsync', 'always'];
/** Redis keeps nothing beyond its end. */
export const FORGETFUL = ['--appendonly', 'no'];

/** What {@link startRedis} takes. */
export interface OwnRedisOptions {
  /** Where it keeps its data: with {@link SAFE}, a kill loses nothing; without, nothing unless the disk is busy. */
  readonly dir: string;
  /** A free one where it is left out. */
  readonly port?: number;
  /** More of its settings, such as {@link SAFE} or `['--maxmemory-policy', 'allkeys-lru']`. */
  readonly settings?: readonly string[];
}

/**
 * Starts a Redis that keeps what it is told. Whoever starts it stops it: `process.stop()`.
 *
 * @throws {Error} where no redis-server is installed.
 */
export async function startRedis({ dir, port, settings = [] }: OwnRedisOptions): Promise<OwnRedis> {
  const program = findProgram('redis-server');
  if (program === undefined) throw new Error('redis-server is not installed');
  const ownPort = port ?? (await freePort());
  const url = `redis://127.0.0.1:${ownPort}`;
  const place = ['--port', String(ownPort), '--bind', '127.0.0.1', '--dir', dir];
  const keeping = ['--appendonly', 'yes', '--save', '', '--daemonize', 'no'];
  const server = new ChildServer({
    program,
    args: [...place, ...keeping, ...settings],
    isUp: () => isThere(ownPort),
  });
  await server.start();
  return { url, process: server };
}

/** Why none can be started; undefined where one can. */
export function redisMissing(): string | undefined {
  return findProgram('redis-server') === undefined ? 'redis-server is not installed' : undefined;
}

/** Whether a Redis answers, also one that wants a password. */
function isThere(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(false));
    socket.on('data', (answer) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(answer.toString()));
      socket.destroy();
    });
  });
}
