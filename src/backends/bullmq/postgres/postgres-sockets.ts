import { Socket } from 'node:net';
import type { Client, ClientConfig } from 'pg';
import { TaskError } from '../../../task/errors.js';
import { describeError } from '../../../task/run-error.js';
import type { BullmqSettings } from '../bullmq-options.js';

/** How long a connection may be silent until it is asked whether it is there, in ms. */
const KEEP_ALIVE_MS = 10_000;

/** The sockets of a process's connections: whatever becomes of a server that is silent, they can be ended. */
export class PostgresSockets {
  readonly #sockets = new Set<Socket>();

  /** Makes one, not connected yet. */
  readonly make = (): Socket => {
    const socket = new Socket();
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  };

  /** How many there are. */
  get size(): number {
    return this.#sockets.size;
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** How clients connect, and how long their statements may take in ms. */
export function connectionConfig(
  settings: Pick<BullmqSettings, 'connection' | 'callTimeoutMs'>,
  sockets: PostgresSockets,
  statementMs = settings.callTimeoutMs,
) {
  const url = new URL(settings.connection);
  // What a URL says wins over what else is said: BullMQ's own options would be lost.
  const theirs = url.searchParams.get('options');
  url.searchParams.delete('options');
  const isolation = String.raw`-c default_transaction_isolation=read\ committed`;
  return {
    connectionString: url.href,
    application_name: 'errand',
    // Statements of ours rely on seeing what was committed just before them.
    options: theirs === null ? isolation : `${theirs} ${isolation}`,
    stream: sockets.make,
    connectionTimeoutMillis: settings.callTimeoutMs,
    query_timeout: statementMs,
    // So that the server, too, gives up what nobody waits for any more.
    statement_timeout: statementMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  };
}

/**
 * Makes a client, not connected yet.
 *
 * @throws {TaskError} BACKEND when the URL names a file, for its certificates, that cannot be read.
 */
export function makeClient(PgClient: typeof Client, config: ClientConfig): Client {
  try {
    return new PgClient(config);
  } catch (cause) {
    const message = `The connection URL of PostgreSQL cannot be used: ${describeError(cause, 1).message}`;
    throw new TaskError('BACKEND', message, { cause, details: { server: 'postgres', setting: 'connection' } });
  }
}

/**
 * Clients for BullMQ. Between two statements of one that was taken out of a pool nobody listens, nor while one is ended
 * that was notified, and what PostgreSQL says when it ends just then would end the process: what is under way fails by
 * itself.
 */
export function quietClient(PgClient: typeof Client): typeof Client {
  return class extends PgClient {
    override emit(name: string | symbol, ...args: unknown[]): boolean {
      return name === 'error' && this.listenerCount('error') === 0 ? false : super.emit(name, ...args);
    }
  };
}

/** BullMQ makes the client that is notified from its own copy of the package: it is given one with these. */
export function notifyBy(PgClient: typeof Client, backend: object): void {
  const connection: unknown = Reflect.get(backend, 'connection');
  if (typeof connection === 'object' && connection !== null)
    Object.assign(connection, { pgModule: { Client: PgClient } });
}
