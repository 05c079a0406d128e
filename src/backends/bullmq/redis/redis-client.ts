import type { Redis } from 'ioredis';
import type { Logger } from '../../../ports/logger.js';
import type { BullmqSettings } from '../bullmq-options.js';
import { loadPackage } from '../server/missing-package.js';

/** The longest that it waits before it tries to connect again, in ms. */
const MAX_RETRY_MS = 1_000;

/**
 * A client that never keeps a call for later: without a connection it fails at once, and when one is lost, so do the
 * calls that were under way; they may have happened. It connects again for ever. Not connected yet.
 *
 * @param silenceMs a connection on which an answer is waited for that long is given up, in ms.
 * @throws {TaskError} BACKEND when ioredis is not installed.
 */
export async function makeRedisClient({ connection }: BullmqSettings, silenceMs: number): Promise<Redis> {
  const { Redis } = await loadPackage('ioredis', () => import('ioredis'));
  const client = new Redis(connection, {
    lazyConnect: true,
    enableOfflineQueue: false,
    // A call that was sent twice would take two runs, and tell of one.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: silenceMs,
    socketTimeout: silenceMs,
    // A lost server does not say goodbye.
    disconnectTimeout: 100,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times - 1, 10), MAX_RETRY_MS) * (0.75 + Math.random() / 2),
    // After a failover the connection is to what is a replica now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  client.duplicate = duplicateOf(client);
  return muted(client);
}

/** Copies are as they are, whatever BullMQ wants: with its `null` a lost call would never be answered. */
function duplicateOf(client: Redis): Redis['duplicate'] {
  const duplicate = client.duplicate.bind(client);
  return (override) => muted(duplicate({ ...override, maxRetriesPerRequest: 0 }));
}

/** Calls fail by themselves, and `reportOutages` tells of the rest. */
function muted<Client extends Redis>(client: Client): Client {
  client.on('error', () => undefined);
  return client;
}

/** Connects for the first time. Rejects with why that failed last, and tries no more. */
export async function connectFirst(client: Redis): Promise<void> {
  let reason: Error | undefined;
  const note = (error: Error): void => void (reason = error);
  client.on('error', note);
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw reason ?? error;
  } finally {
    client.off('error', note);
  }
}

/** Says once that the connection was lost, and once that it is back, which `onBack` is told, too. */
export function reportOutages(client: Redis, logger: Logger | undefined, onBack: () => void): void {
  let reason: Error | undefined;
  let lost = false;
  client.on('error', (error: Error) => void (reason = error));
  client.on('close', () => {
    if (lost || isEnding(client)) return;
    lost = true;
    logger?.warn({ err: reason }, 'The connection to Redis is lost; it is being made again');
  });
  client.on('ready', () => {
    if (!lost) return;
    lost = false;
    reason = undefined;
    logger?.info({}, 'The connection to Redis is back');
    onBack();
  });
}

function isEnding(client: Redis): boolean {
  return Reflect.get(client, 'manuallyClosing') === true || client.status === 'end';
}
