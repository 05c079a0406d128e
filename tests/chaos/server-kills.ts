import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildServer } from '../servers/child-server.js';
import { diceOf } from './life.js';

/** How long a server is left alone, and how long it is away, in ms: at most. */
const UP_MS = 3_000;
const AWAY_MS = 1_000;

/** Kills a server again and again while processes work on it, and starts it with what it has kept. */
export class ServerKills {
  readonly #server: ChildServer;
  readonly #seed: number;
  readonly #over = new AbortController();
  readonly #ended: Promise<void>;
  #count = 0;
  /** Rejects when the server does not come up again: whoever waits for it would wait for ever. */
  readonly failed: Promise<never>;

  constructor(server: ChildServer, seed: number) {
    this.#server = server;
    this.#seed = seed;
    this.#ended = this.#goOn();
    this.failed = this.#ended.then(() => new Promise<never>(() => undefined));
    this.failed.catch(() => undefined);
  }

  /** How often it was killed. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when the server is there to stay. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#ended.catch(() => undefined); // told by `failed`
  }

  async #goOn(): Promise<void> {
    while (await this.#alone(this.#dice(0) * UP_MS)) {
      await this.#server.kill();
      this.#count += 1;
      await this.#alone(this.#dice(0.5) * AWAY_MS);
      await this.#server.start();
    }
  }

  /** @returns false when it is over. */
  async #alone(ms: number): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#over.signal }).catch(() => undefined);
    return !this.#over.signal.aborted;
  }

  #dice(which: number): number {
    return diceOf(this.#seed, this.#count + which);
  }
}
