import { createServer, STATUS_CODES, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { PROBLEM_TYPE, type Problem } from '../http-api/problem.js';
import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { codeOf, failure, messageOf, type CommandError } from './command-error.js';

/** A client has so long to send a request's headers, and the whole request: imports are long. In milliseconds. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 300_000;
/** How often connections are looked at for being late. */
const CHECK_MS = 5_000;
const MAX_HEADER_BYTES = 16_384;

/** What cannot be read as HTTP, and the status that says so; 400 for everything else. */
const STATUS_OF: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/** An HTTP server that does not wait for slow clients, and that can be closed without cutting anybody off. */
export class HttpServer {
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #answers = new WeakMap<Duplex, ServerResponse>();
  #leaving = false;
  #closing = false;

  constructor(listener: RequestListener, logger: Logger) {
    this.#logger = logger;
    this.#server = createServer({
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    this.#server.on('request', (req, res) => {
      this.#answers.set(req.socket, res);
      if (this.#leaving) res.setHeader('Connection', 'close');
      // A connection that was kept for the next request would hold the server up.
      res.once('close', () => this.#closing && this.#server.closeIdleConnections());
      listener(req, res);
    });
    this.#server.on('clientError', (error, socket) => this.#refuse(error, socket));
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

  /** Answers what is no HTTP, unless an answer has begun on the same connection. */
  #refuse(error: Error, socket: Duplex): void {
    const answer = this.#answers.get(socket);
    const begun = answer?.headersSent === true && !answer.writableFinished;
    if (!socket.writable || begun || codeOf(error) === 'ECONNRESET') socket.destroy();
    else socket.end(refusal(STATUS_OF[codeOf(error)] ?? 400), () => socket.destroy());
  }
}

/** A whole answer, written by hand: there is no request that Node could answer. */
function refusal(status: number): string {
  const title = STATUS_CODES[status] ?? 'Error';
  const code = status === 400 ? 'BAD_REQUEST' : 'HTTP_ERROR';
  const problem: Problem = { type: 'about:blank', title, status, detail: DETAIL[status] ?? NO_HTTP, code };
  const body = JSON.stringify(problem);
  const headers = [
    `HTTP/1.1 ${status} ${title}`,
    'Connection: close',
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}

const NO_HTTP = 'This is no HTTP request';
const DETAIL: Readonly<Record<number, string>> = {
  408: 'The request took too long to come',
  413: 'The chunk extensions are too long',
  431: `The headers must be at most ${MAX_HEADER_BYTES} bytes`,
};

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
