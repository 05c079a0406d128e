import type { IQueueBackend, JobJson } from 'bullmq';
import type { Redis } from 'ioredis';
import { systemClock } from '../../../timing/system-clock.js';
import type { LaneQueue } from '../server/fleet-server.js';

/** How long the server is asked to wait at a time, in ms: what a lost connection can hide. */
const ASK_MS = 5_000;
/** The shortest wait that no version of Redis takes for "for ever", in ms. */
const LEAST_MS = 10;

/** Where BullMQ has the jobs of a queue; and what else it keeps of one. */
const JOBS = ['wait', 'paused', 'active', 'prioritized', 'delayed', 'waiting-children', 'completed', 'failed'];
const REST = ['meta', 'id', 'events', 'pc', 'marker', 'limiter', 'stalled', 'stalled-check'];

/** Removes the keys behind the first so many, unless one of those is there. */
const DROP = `
if redis.call('EXISTS', unpack(KEYS, 1, ARGV[1])) == 0 then redis.call('DEL', unpack(KEYS, ARGV[1] + 1)) end`;

/** What a lane's queue on Redis is made of. */
export interface RedisLaneParts {
  readonly jobs: IQueueBackend;
  /** The connection of this process. */
  readonly client: Redis;
  /** Makes a client, not connected yet, that the server may keep waiting for `blockMs`. */
  readonly makeWaiter: (blockMs: number) => Redis;
}

/**
 * A lane on Redis. BullMQ puts a marker up where there may be a job; whoever takes it looks. A marker that was taken for
 * nobody is put up again.
 */
export class RedisLaneQueue implements LaneQueue {
  readonly jobs: IQueueBackend;
  readonly #client: Redis;
  readonly #makeWaiter: (blockMs: number) => Redis;
  #waiter: Redis | undefined;
  #asking = false;
  #marked = false;
  #untilMs = 0;
  /** Ends the wait that is under way. */
  #wake: (() => void) | undefined;

  constructor({ jobs, client, makeWaiter }: RedisLaneParts) {
    this.jobs = jobs;
    this.#client = client;
    this.#makeWaiter = makeWaiter;
  }

  async add(job: JobJson, jobId: string): Promise<void> {
    await this.jobs.addJob(job, jobId);
  }

  async remove(jobId: string): Promise<boolean> {
    return (await this.jobs.remove(jobId, false)) !== 0;
  }

  async giveBack(jobId: string, token: string): Promise<void> {
    await this.jobs.moveJobFromActiveToWait(jobId, token);
  }

  async waitForJob(untilMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || untilMs <= systemClock.now()) return;
    if (!this.#marked) await this.#wait(untilMs, signal);
    this.#marked = false;
  }

  rest(): Promise<void> {
    this.#waiter?.disconnect();
    this.#waiter = undefined;
    this.#wake?.();
    if (this.#marked) this.#putMarkerBack();
    return Promise.resolve();
  }

  async drop(): Promise<void> {
    const keys = [...JOBS, ...REST].map((name) => this.jobs.toKey(name));
    await this.#client.eval(DROP, keys.length, ...keys, JOBS.length);
  }

  #wait(untilMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = systemClock.after(Math.max(untilMs - systemClock.now(), 0), () => wake());
      const wake = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', wake);
        if (this.#wake === wake) this.#wake = undefined;
        resolve();
      };
      this.#wake?.();
      this.#wake = wake;
      this.#untilMs = untilMs;
      signal.addEventListener('abort', wake);
      this.#ask();
    });
  }

  /** Asks as long as somebody waits; one question at a time. */
  #ask(): void {
    if (this.#asking || this.#wake === undefined) return;
    this.#waiter ??= this.#newWaiter();
    // Without a connection, its `ready` asks.
    if (this.#waiter.status !== 'ready') return;
    this.#asking = true;
    const blockMs = Math.min(Math.max(this.#untilMs - systemClock.now(), LEAST_MS), ASK_MS);
    this.#waiter.bzpopmin(this.jobs.toKey('marker'), blockMs / 1_000).then(
      (marker) => {
        this.#asking = false;
        if (marker !== null) this.#onMarker();
        this.#ask();
      },
      () => {
        this.#asking = false;
        // What refuses once refuses again: only a new connection, or the next wait, asks once more.
        if (this.#waiter?.status === 'ready') return;
        this.#ask();
      },
    );
  }

  #newWaiter(): Redis {
    const waiter = this.#makeWaiter(ASK_MS);
    waiter.on('ready', () => this.#ask());
    waiter.connect().catch(() => undefined); // it tries again by itself
    return waiter;
  }

  #onMarker(): void {
    if (this.#wake === undefined) {
      this.#putMarkerBack();
      return;
    }
    this.#marked = true;
    this.#wake();
  }

  /**
   * It stood for all processes, and nobody of this one waits: it may have no slot for a long time. Where that fails, the
   * others look by themselves soon.
   */
  #putMarkerBack(): void {
    this.#marked = false;
    this.#client.zadd(this.jobs.toKey('marker'), 0, '0').catch(() => undefined);
  }
}
