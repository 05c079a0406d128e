import type { IQueueBackend, KeyPrefixOptions, QueueBaseOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { TaskError } from '../../../task/errors.js';
import { nodeCrypto } from '../../../timing/node-crypto.js';
import type { FleetBook } from '../book/book.js';
import { Deadlines } from '../server/deadlines.js';
import { FleetListeners } from '../server/fleet-listeners.js';
import { FleetMessages } from '../server/fleet-messages.js';
import type { FleetMessage, FleetServer, FleetServerParts, LaneQueue } from '../server/fleet-server.js';
import { loadPackage } from '../server/missing-package.js';
import { jobOptions, relayOptions } from '../server/settings-for-bullmq.js';
import { redisBook } from './redis-book.js';
import { connectFirst, makeRedisClient, reportOutages } from './redis-client.js';
import { checkRedisFitness } from './redis-fitness.js';
import { RedisLaneQueue } from './redis-lane-queue.js';

/** What there is while it is connected. */
interface Connected {
  readonly client: Redis;
  readonly root: IQueueBackend;
  readonly book: FleetBook;
  readonly messages: FleetMessages;
}

/**
 * A fleet's Redis: one connection for all calls, one for the messages of others, and one for each lane that waits for
 * work. A connection that was lost is made again for ever; until then every call fails.
 */
export class RedisServer implements FleetServer {
  readonly name = 'redis';
  readonly marksJobs = true;
  readonly processId = nodeCrypto().randomBytes(9).toString('hex');
  readonly #parts: FleetServerParts;
  readonly #deadlines: Deadlines;
  readonly #listeners = new FleetListeners();
  readonly #lanes = new Map<string, RedisLaneQueue>();
  #client: Redis | undefined;
  #connected: Connected | undefined;

  constructor(parts: FleetServerParts) {
    this.#parts = parts;
    this.#deadlines = new Deadlines({ server: 'redis', timeoutMs: parts.settings.callTimeoutMs });
  }

  get book(): FleetBook {
    return this.#open.book;
  }

  async open(): Promise<void> {
    const client = await makeRedisClient(this.#parts.settings, 2 * this.#parts.settings.callTimeoutMs);
    this.#client = client;
    try {
      await this.call('connect', () => connectFirst(client));
      await this.call('look at its settings', () => checkRedisFitness(client, this.#parts.logger));
      this.#connected = await this.#build(client);
      await this.call('listen to messages', () => this.#open.messages.open());
    } catch (error) {
      await this.close();
      throw error;
    }
    reportOutages(client, this.#parts.logger, () => this.#listeners.back());
  }

  queue(lane: string): LaneQueue {
    let queue = this.#lanes.get(lane);
    if (queue === undefined) {
      const { client, root } = this.#open;
      const makeWaiter = (blockMs: number): Redis =>
        client.duplicate({ socketTimeout: blockMs + this.#parts.settings.callTimeoutMs });
      queue = new RedisLaneQueue({ jobs: root.forQueue(lane), client, makeWaiter });
      this.#lanes.set(lane, queue);
    }
    return queue;
  }

  forget(lane: string): void {
    void this.#lanes.get(lane)?.rest();
    this.#lanes.delete(lane);
  }

  call<T>(what: string, call: () => Promise<T>): Promise<T> {
    return this.#deadlines.run(what, call);
  }

  publish(message: FleetMessage): void {
    this.#connected?.messages.publish(message);
  }

  onMessage(listener: (message: FleetMessage) => void): void {
    this.#listeners.onMessage.push(listener);
  }

  onBack(listener: () => void): void {
    this.#listeners.onBack.push(listener);
  }

  async close(): Promise<void> {
    const client = this.#client;
    const connected = this.#connected;
    this.#client = undefined;
    this.#connected = undefined;
    for (const lane of this.#lanes.values()) void lane.rest();
    this.#lanes.clear();
    if (connected) await this.call('take leave', () => takeLeave(connected)).catch(() => undefined);
    client?.disconnect();
    this.#deadlines.close();
  }

  get #open(): Connected {
    if (this.#connected === undefined) throw new TaskError('BACKEND', 'Redis was used before it was opened');
    return this.#connected;
  }

  async #build(client: Redis): Promise<Connected> {
    const { settings } = this.#parts;
    const { createRedisBackend, Relay } = await loadPackage('bullmq', () => import('bullmq'));
    const shared: QueueBaseOptions & KeyPrefixOptions = { connection: client, prefix: settings.prefix };
    const root = createRedisBackend('fleet', { ...shared, ...jobOptions(settings) });
    root.on('error', () => undefined); // its calls fail by themselves
    const relay = new Relay({
      ...shared,
      ...relayOptions(settings, this.processId),
    });
    const messages = new FleetMessages(relay, this.#listeners);
    await this.call('prepare BullMQ', () => root.waitUntilReady());
    const book = redisBook({ client, prefix: settings.prefix, call: this.call.bind(this) });
    return { client, root, messages, book };
  }
}

/** What is under way is answered first, where the server answers at all. */
async function takeLeave({ client, book, messages, root }: Connected): Promise<void> {
  await Promise.allSettled([book.close(), messages.close()]);
  await root.close();
  await client.quit();
}
