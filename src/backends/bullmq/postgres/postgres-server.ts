import { EventEmitter, setMaxListeners } from 'node:events';
import { Socket } from 'node:net';
import type { IQueueBackend, PostgresQueueBackend } from 'bullmq';
import type { ClientBase } from 'pg';
import { TaskError } from '../../../task/errors.js';
import { nodeCrypto } from '../../../timing/node-crypto.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { FleetBook } from '../book/book.js';
import type { BullmqSettings } from '../bullmq-options.js';
import { Deadlines } from '../server/deadlines.js';
import { FleetListeners } from '../server/fleet-listeners.js';
import { FleetMessages } from '../server/fleet-messages.js';
import type { FleetMessage, FleetServer, FleetServerParts, LaneQueue } from '../server/fleet-server.js';
import { loadPackage } from '../server/missing-package.js';
import { jobOptions, relayOptions } from '../server/settings-for-bullmq.js';
import { Outage } from '../server/outage.js';
import { postgresBook } from './postgres-book.js';
import { checkPostgresFitness } from './postgres-fitness.js';
import { giveJobBack, removeIdleJob } from './postgres-fenced-moves.js';
import { PostgresLaneQueue } from './postgres-lane-queue.js';
import { dropQueue, prepareJobs } from './postgres-migrate.js';
import { connectionConfig, makeClient, notifyBy, PostgresSockets, quietClient } from './postgres-sockets.js';
import { inTime, isUnanswered } from './postgres-waits.js';

/** How many statements of a process run at once; more wait for their turn. */
const MOST_AT_ONCE = 8;
/** How long the making of tables may take, in ms. */
const MIGRATION_MS = 30_000;

/** What there is while it is connected. */
interface Connected {
  readonly root: PostgresQueueBackend;
  readonly book: FleetBook;
  readonly messages: FleetMessages;
}

/**
 * A fleet's PostgreSQL: our tables in the schema `prefix`, BullMQ's in `prefix_bullmq`. A process has up to eight
 * connections for calls, one on which it is notified of jobs in all lanes, and two for the messages of others.
 */
export class PostgresServer implements FleetServer {
  readonly name = 'postgres';
  readonly marksJobs = false;
  readonly processId = nodeCrypto().randomBytes(9).toString('hex');
  readonly #parts: FleetServerParts;
  readonly #deadlines: Deadlines;
  readonly #slowDeadlines = new Deadlines({ server: 'postgres', timeoutMs: MIGRATION_MS });
  readonly #sockets = new PostgresSockets();
  readonly #outage: Outage;
  readonly #listeners = new FleetListeners();
  readonly #lanes = new Map<string, PostgresLaneQueue>();
  #connected: Connected | undefined;

  constructor(parts: FleetServerParts) {
    this.#parts = parts;
    this.#outage = new Outage('PostgreSQL', parts.logger, () => this.#listeners.back());
    this.#deadlines = new Deadlines({ server: 'postgres', timeoutMs: parts.settings.callTimeoutMs });
  }

  get book(): FleetBook {
    return this.#open.book;
  }

  async open(): Promise<void> {
    const { settings, logger } = this.#parts;
    try {
      await this.#alone('look at its settings', (client) => checkPostgresFitness(client, logger));
      await this.#alone('make the tables of BullMQ', (client) => prepareJobs(client, jobSchemaOf(settings)));
      const connected = await this.#build();
      this.#connected = connected;
      await this.call('connect', () => connected.root.waitUntilReady());
      await this.call('listen to messages', () => connected.messages.open());
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  queue(lane: string): LaneQueue {
    let queue = this.#lanes.get(lane);
    if (queue === undefined) {
      const { root } = this.#open;
      const make = (): IQueueBackend => root.forQueue(lane);
      const makeWaiter = (): IQueueBackend => {
        void letManyListen(root);
        return make();
      };
      const { pool } = root.connection;
      const schema = jobSchemaOf(this.#parts.settings);
      queue = new PostgresLaneQueue({
        ...{ jobs: make(), makeWaiter, onSilence: () => void dropListener(root) },
        remove: (jobId) => removeIdleJob(pool, schema, lane, jobId),
        giveBack: (jobId, token) => giveJobBack(pool, schema, { queue: lane, jobId, token, now: systemClock.now() }),
        drop: () => dropQueue(pool, schema, lane),
      });
      this.#lanes.set(lane, queue);
    }
    return queue;
  }

  forget(lane: string): void {
    this.#lanes.get(lane)?.close();
    this.#lanes.delete(lane);
  }

  call<T>(what: string, call: () => Promise<T>): Promise<T> {
    const { callTimeoutMs } = this.#parts.settings;
    return this.#deadlines.run(what, async () => {
      try {
        const answer = await inTime(what, callTimeoutMs, call);
        this.#outage.end();
        return answer;
      } catch (error) {
        if (isUnanswered(error)) this.#outage.begin(error);
        else this.#outage.end();
        throw error;
      }
    });
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
    const connected = this.#connected;
    this.#connected = undefined;
    for (const lane of this.#lanes.values()) lane.close();
    this.#lanes.clear();
    if (connected) await this.#deadlines.run('take leave', () => takeLeave(connected)).catch(() => undefined);
    this.#sockets.destroy();
    this.#deadlines.close();
    this.#slowDeadlines.close();
  }

  get #open(): Connected {
    if (this.#connected === undefined) throw new TaskError('BACKEND', 'PostgreSQL was used before it was opened');
    return this.#connected;
  }

  async #build(): Promise<Connected> {
    const { settings } = this.#parts;
    const { createPostgresBackend, createPostgresRelayBackend, Relay } = await loadPackage(
      'bullmq',
      () => import('bullmq'),
    );
    const { Client } = (await loadPackage('pg', () => import('pg'))).default;
    const config = connectionConfig(settings, this.#sockets);
    const QuietClient = quietClient(Client);
    const shared = { ...config, schema: jobSchemaOf(settings), Client: QuietClient };
    const root = createPostgresBackend('fleet', {
      // The lanes share the client that is notified: their statements may be sent while others are answered.
      connection: { ...shared, max: MOST_AT_ONCE, pipeline: true },
      ...jobOptions(settings),
    });
    root.on('error', () => undefined); // its calls fail by themselves
    notifyBy(QuietClient, root);
    root.connection.on('listenerinvalidated', () => {
      for (const lane of this.#lanes.values()) lane.interrupt();
    });
    const relay = new Relay({
      // One connection, so that messages are sent in the order in which they were published.
      connection: { ...shared, max: 1 },
      backend: (options) => {
        const backend = createPostgresRelayBackend(options);
        notifyBy(QuietClient, backend);
        return backend;
      },
      ...relayOptions(settings, this.processId),
    });
    const book = postgresBook({
      pool: root.connection.pool,
      schema: settings.prefix,
      jobSchema: jobSchemaOf(settings),
      call: this.call.bind(this),
      alone: this.#alone.bind(this),
    });
    return { root, book, messages: new FleetMessages(relay, this.#listeners) };
  }

  async #alone(what: string, work: (client: ClientBase) => Promise<void>): Promise<void> {
    const { Client } = (await loadPackage('pg', () => import('pg'))).default;
    const { callTimeoutMs } = this.#parts.settings;
    const client = makeClient(Client, connectionConfig(this.#parts.settings, this.#sockets, MIGRATION_MS));
    client.on('error', () => undefined); // what is under way fails by itself
    try {
      await this.#deadlines.run('connect', () => inTime('connect', callTimeoutMs, () => client.connect()));
      await this.#slowDeadlines.run(what, () => work(client));
    } finally {
      client.end().catch(() => undefined);
    }
  }
}

function jobSchemaOf({ prefix }: BullmqSettings): string {
  return `${prefix}_bullmq`;
}

/** All lanes that wait listen to one client: that is no leak, of which Node would warn. */
async function letManyListen({ connection }: PostgresQueueBackend): Promise<void> {
  const client: unknown = await connection.getListenClient().catch(() => undefined);
  if (client instanceof EventEmitter) setMaxListeners(0, client);
}

/** The connection that is notified does not answer: BullMQ makes another one when it finds that it has ended. */
async function dropListener({ connection }: PostgresQueueBackend): Promise<void> {
  const client = await connection.getListenClient().catch(() => undefined);
  const stream = client?.connection?.stream;
  if (stream instanceof Socket) stream.destroy();
}

/** What is under way is answered first, where the server answers at all. */
async function takeLeave({ root, messages, book }: Connected): Promise<void> {
  await Promise.allSettled([book.close(), messages.close()]);
  await root.close();
}
