import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A pair of connections: from the client to the proxy, and from there to the server. */
interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * Stands between a client and its server, and does to their connections what networks do. New connections behave like
 * those that are there.
 */
export class TcpProxy {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #listener: Server;
  readonly #pairs = new Set<Pair>();
  #silent = false;
  #refusing = false;
  #delayMs = 0;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#listener = createServer((client) => this.#accept(client));
  }

  /** Listens on a free port of the loopback interface. */
  static async to(url: string): Promise<TcpProxy> {
    const { hostname, port, protocol } = new URL(url);
    const proxy = new TcpProxy({ host: hostname, port: Number(port || (protocol === 'redis:' ? 6379 : 5432)) });
    await new Promise<void>((resolve, reject) => {
      proxy.#listener.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** The URL of the server, by way of this proxy. */
  urlOf(url: string): string {
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String(this.port);
    return through.href;
  }

  /** How many connections there are. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Ends every connection, as a killed process or a restarted router does. New ones are taken. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Ends every connection, and new ones as soon as they come, until `restore`. */
  drop(): void {
    this.#refusing = true;
    this.cut();
  }

  /** Keeps every connection, and passes nothing on any more, until `restore`: what a lost route looks like. */
  swallow(): void {
    this.#silent = true;
    this.#update();
  }

  /** What is sent either way comes this much later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** As if nothing had happened. What was swallowed comes now. */
  restore(): void {
    this.#silent = false;
    this.#refusing = false;
    this.#delayMs = 0;
    this.#update();
  }

  async close(): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const pair = { client, server: createConnection(this.#target) };
    this.#pairs.add(pair);
    this.#pass(pair, client, pair.server);
    this.#pass(pair, pair.server, client);
    if (this.#silent) this.#update();
  }

  #pass(pair: Pair, from: Socket, to: Socket): void {
    from.on('data', (chunk) => {
      if (this.#delayMs === 0) to.write(chunk);
      else setTimeout(() => to.write(chunk), this.#delayMs);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#pairs.delete(pair);
      to.destroy();
    });
  }

  #update(): void {
    for (const socket of [...this.#pairs].flatMap(({ client, server }) => [client, server])) {
      if (this.#silent) socket.pause();
      else socket.resume();
    }
  }
}
