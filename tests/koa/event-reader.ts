import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { TestServer } from './server.js';

/** One server-sent event, or comment. */
export interface ReadEvent {
  readonly id?: string;
  readonly event?: string;
  readonly retry?: string;
  readonly comment?: string;
  /** Parsed. */
  readonly data?: Record<string, unknown>;
}

/** A client of server-sent events that shows everything, and reads only when it is told to. */
export class EventReader {
  readonly #req: ClientRequest;
  readonly #res: IncomingMessage;
  readonly #queue: ReadEvent[] = [];
  #text = '';
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(req: ClientRequest, res: IncomingMessage) {
    this.#req = req;
    this.#res = res;
    res.setEncoding('utf8');
    res.on('data', (chunk: string) => this.#take(chunk));
    res.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
    res.on('error', () => undefined);
  }

  static open(
    server: Pick<TestServer, 'port'>,
    path: string,
    headers: Record<string, string> = {},
  ): Promise<EventReader> {
    return new Promise((resolve, reject) => {
      const req = request({ port: server.port, host: '127.0.0.1', path, headers, agent: false });
      req.on('response', (res) => resolve(new EventReader(req, res)));
      req.on('error', reject);
      req.end();
    });
  }

  get status(): number | undefined {
    return this.#res.statusCode;
  }

  get headers(): IncomingMessage['headers'] {
    return this.#res.headers;
  }

  /** The next event; undefined at the end. */
  async next(): Promise<ReadEvent | undefined> {
    while (this.#queue.length === 0 && !this.#ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#queue.shift();
  }

  /** Reads up to an event that has a name, or another trait; undefined when the stream ends before. */
  async find(wanted: string | ((event: ReadEvent) => boolean)): Promise<ReadEvent | undefined> {
    for (;;) {
      const event = await this.next();
      if (event === undefined || (typeof wanted === 'string' ? event.event === wanted : wanted(event))) return event;
    }
  }

  /** All up to the end. */
  async rest(): Promise<ReadEvent[]> {
    const events: ReadEvent[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) events.push(event);
    return events;
  }

  /** Reads no bytes any more: the server's buffers fill. */
  pause(): void {
    this.#res.pause();
  }

  resume(): void {
    this.#res.resume();
  }

  /** Leaves, without a word. */
  close(): void {
    this.#req.destroy();
  }

  #take(chunk: string): void {
    const blocks = (this.#text + chunk).split('\n\n');
    this.#text = blocks.pop() ?? '';
    this.#queue.push(...blocks.map(parse));
    this.#wake();
  }
}

function parse(block: string): ReadEvent {
  const event: Record<string, unknown> = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ');
    const field = line.slice(0, colon);
    const value = line.slice(colon + 2);
    event[field === '' ? 'comment' : field] = field === 'data' ? JSON.parse(value) : value;
  }
  return event;
}
