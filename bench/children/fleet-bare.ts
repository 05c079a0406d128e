import { createPostgresBackend, createPostgresRelayBackend, Queue, Relay, Worker } from 'bullmq';
import type { JobsOptions, Processor } from 'bullmq';
import { Redis } from 'ioredis';

/** What the workers are given that is not BullMQ's default. */
interface WorkerSettings {
  readonly concurrency?: number;
  readonly autorun?: boolean;
}

/** What is used of a queue. */
export interface BareQueue {
  add(name: string, data: object, opts: JobsOptions): Promise<unknown>;
  addBulk(jobs: { name: string; data: object; opts: JobsOptions }[]): Promise<unknown>;
}

/** What is used of a worker. */
export interface BareWorker {
  cancelJob(jobId: string): boolean;
  on(event: 'completed', listener: () => void): unknown;
  pause(): Promise<void>;
  removeAllListeners(event: string): unknown;
  resume(): void;
  run(): Promise<void>;
  waitUntilReady(): Promise<unknown>;
}

/** What is used of a relay. */
export interface BareRelay {
  publish(topic: string, data: string): Promise<unknown>;
  subscribe(pattern: string, listener: (message: { readonly data: unknown }) => void): Promise<unknown>;
  waitUntilReady(): Promise<void>;
}

/** BullMQ as its documents show it, where a URL says, under a prefix: of keys in Redis, the schema in PostgreSQL. */
export class BareFleet {
  readonly #url: string;
  readonly #prefix: string;

  constructor(url: string, prefix: string) {
    this.#url = url;
    this.#prefix = prefix;
  }

  queue(name: string): BareQueue {
    return this.#isRedis
      ? new Queue(name, this.#redis())
      : new Queue(name, { connection: this.#schema() }, createPostgresBackend);
  }

  worker(name: string, processor: Processor, settings: WorkerSettings = {}): BareWorker {
    return this.#isRedis
      ? new Worker(name, processor, { ...this.#redis(), ...settings })
      : new Worker(name, processor, { connection: this.#schema(), ...settings }, createPostgresBackend);
  }

  relay(): BareRelay {
    const namespace = 'bench';
    return this.#isRedis
      ? new Relay({ ...this.#redis(), namespace })
      : new Relay({ connection: this.#schema(), namespace, backend: createPostgresRelayBackend });
  }

  get #isRedis(): boolean {
    return this.#url.startsWith('redis');
  }

  /** Each has a connection of its own, as BullMQ wants it for its workers. */
  #redis() {
    return { connection: new Redis(this.#url, { maxRetriesPerRequest: null }), prefix: this.#prefix };
  }

  #schema() {
    return { connectionString: this.#url, schema: this.#prefix, migrate: true };
  }
}
