import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { codeOf, failure, messageOf, type CommandError } from './command-error.js';
import { sendRefusal, writeRefusal, type Refusal } from './refusal.js';

/** A client has so long to send a request's headers, and the whole request: imports are long. In milliseconds. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 300_000;
/** How often connections are looked at for being late. */
const CHECK_MS = 5_000;
const MAX_HEADER_BYTES = 16_384;
/** How many requests of one connection may be unanswered: Node takes any number, and 20 clients made it take 3 GB. */
const MAX_AHEAD = 100;

/** Why a request cannot be read, by the code of Node's error; {@link NO_HTTP} for everything else. */
const UNREADABLE: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: 'The request took too long to come' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, detail: 'The chunk extensions are too long' },
  HPE_HEADER_OVERFLOW: { status: 431, detail: `The headers must be at most ${MAX_HEADER_BYTES} bytes` },
};
const NO_HTTP: Refusal = { status: 400, detail: 'This is no HTTP request' };
const NO_HOST: Refusal = { status: 400, detail: 'The request must have one Host header' };
const NO_MIRACLES: Refusal = { status: 417, detail: 'Nothing can be expected but 100-continue' };
const NO_TUNNELS: Refusal = { status: 501, detail: 'The server is no proxy' };

interface Connection {
  /** The answer to its last request. */
  readonly last: ServerResponse;
  unanswered: number;
}

/** An HTTP server that does not wait for slow clients, and that can be closed without cutting anybody off. */
export class HttpServer {
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #connections = new WeakMap<Duplex, Connection>();
  #leaving = false;
  #closing = false;

  constructor(listener: RequestListener, logger: Logger) {
    this.#logger = logger;
    this.#server = createServer({
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      requireHostHeader: false, // Node's own refusals are no problems; see hasHost
    });
    this.#server.on('request', (req, res) => {
      if (!this.#begin(req, res)) return;
      if (hasHost(req)) listener(req, res);
      else sendRefusal(res, NO_HOST);
    });
    this.#server.on('checkExpectation', (req, res) => {
      if (this.#begin(req, res)) sendRefusal(res, NO_MIRACLES);
    });
    this.#server.on('connect', (_req, socket) => {
      socket.on('error', () => socket.destroy());
      this.#refuse(socket, NO_TUNNELS);
    });
    this.#server.on('clientError', (error, socket) => {
      if (codeOf(error) === 'ECONNRESET') socket.destroy();
      else this.#refuse(socket, UNREADABLE[codeOf(error)] ?? NO_HTTP);
    });
  }

  /**
   * @returns the port that it listens on.
   * @throws {CommandError} 1 when the address cannot be listened on.
   */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      const onError = (error: unknown): void => reject(listenError(error, host, port));
      this.#server.once('error', onError);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', onError);
        this.#server.on('error', (err) => this.#logger.error({ err }, 'the server had trouble with a connection'));
        resolve();
      });
    });
    // Once it listens on a port, its address is no path of a pipe.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every answer from now on ends its connection. New ones are taken as before. */
  leave(): void {
    this.#leaving = true; // idle connections stay: a request may be on its way on any of them
  }

  /** Listens no longer. Answers under way have `answerMs` milliseconds to end; what is left then is cut off. */
  async close({ answerMs, clock }: { readonly answerMs: number; readonly clock: Clock }): Promise<void> {
    this.leave();
    this.#closing = true;
    await new Promise<void>((resolve) => {
      const timer = clock.after(answerMs, () => this.#server.closeAllConnections());
      this.#server.close(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** @returns false where its client has gone too far ahead of the answers, and was cut off. */
  #begin({ socket }: IncomingMessage, res: ServerResponse): boolean {
    if (socket.destroyed) return false; // Node goes on with what it has read
    const unanswered = (this.#connections.get(socket)?.unanswered ?? 0) + 1;
    if (unanswered > MAX_AHEAD) {
      socket.destroy();
      return false;
    }
    this.#connections.set(socket, { last: res, unanswered });
    if (this.#leaving) res.setHeader('Connection', 'close');
    res.once('close', () => this.#end(socket));
    return true;
  }

  #end(socket: Duplex): void {
    const connection = this.#connections.get(socket);
    if (connection) connection.unanswered -= 1;
    // A connection that was kept for the next request would hold the server up.
    if (this.#closing) this.#server.closeIdleConnections();
  }

  /** Answers what no request was made of, unless an answer has begun on the same connection. */
  #refuse(socket: Duplex, refusal: Refusal): void {
    const last = this.#connections.get(socket)?.last;
    const begun = last?.headersSent === true && !last.writableFinished;
    if (!socket.writable || begun) socket.destroy();
    else socket.end(writeRefusal(refusal), () => socket.destroy());
  }
}

/** Of two, a proxy before the server and the server itself may each believe another one. */
function hasHost({ headersDistinct: { host }, httpVersion }: IncomingMessage): boolean {
  return host === undefined ? httpVersion === '1.0' : host.length === 1;
}

function listenError(error: unknown, host: string, port: number): CommandError {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return failure(`port ${port} on ${host} is in use; set PORT to another one, or to 0 for any free one`, error);
    case 'EACCES':
      return failure(`port ${port} may not be used by this user; set PORT to one above 1023`, error);
    case 'EADDRNOTAVAIL':
      return failure(`${host} is no address of this computer; set HOST to one, or leave it out`, error);
    default:
      return failure(`port ${port} on ${host} cannot be listened on: ${messageOf(error)}`, error);
  }
}
