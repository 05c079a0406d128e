import { nextTurn } from '../../../timing/next-turn.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { FleetServer, LaneQueue } from '../server/fleet-server.js';
import { LaneLimits } from './lane-limits.js';
import { type LaneId, readLaneName } from '../runs/lane-name.js';

/** What is assumed where the server does not say: that there is something to look for. */
const UNKNOWN = 1;

/** What a move of jobs gave. */
export interface Taken<T> {
  readonly moved: T;
  /** Whether the job that was taken may have been cancelled, or ended, before: 0 where only its own mark says so. */
  readonly doubt: number;
  /** When it was asked for, by the monotonic clock. */
  readonly askedAt: number;
}

/** The same of a move that has ended a job, and perhaps taken the next. */
export interface EndedAndTaken<T> extends Taken<T> {
  /** Whether the job that has ended may have been cancelled before. Never rejects. */
  readonly endDoubt: Promise<number>;
}

/** One lane, as this process uses it. */
export class FleetLane {
  readonly name: string;
  readonly id: LaneId;
  readonly queue: LaneQueue;
  readonly limits: LaneLimits;
  readonly #server: FleetServer;
  #after: Promise<number> | undefined;

  constructor(server: FleetServer, name: string) {
    this.#server = server;
    this.name = name;
    this.id = readLaneName(name);
    this.queue = server.queue(name);
    this.limits = new LaneLimits(server, name);
  }

  /**
   * Takes jobs. Where those that were cancelled are not marked, it asks afterwards about cancels: one that was answered
   * before the server moved its job is among them, so that a cancelled run never starts, and no note is read for all the
   * others.
   *
   * @param move sends one command, in this turn.
   */
  async take<T>(move: () => Promise<T>): Promise<Taken<T>> {
    const askedAt = systemClock.monotonic();
    const moved = await move();
    return { moved, doubt: this.#server.marksJobs ? 0 : await this.#doubtAfter(), askedAt };
  }

  /** Ends a job, and perhaps takes the next: that need not wait for what is asked about the other. */
  async end<T>(move: () => Promise<T>): Promise<EndedAndTaken<T>> {
    // Redis answers a connection's commands in their order; PostgreSQL has several connections.
    const asked = this.#server.name === 'redis' ? this.#doubtAfter() : undefined;
    const taken = await this.take(move);
    return { ...taken, endDoubt: asked ?? Promise.resolve(taken.doubt) };
  }

  /** A job of it was given up, and none was taken for it: where they are counted, another process may have room now. */
  slotFreed(): void {
    if (this.limits.boundsSlots) this.tellOthers();
  }

  /** Whether as many of its runs are at work as may be, in all processes together; never rejects. */
  async isFull(): Promise<boolean> {
    if (!this.limits.boundsSlots) return false;
    return this.#server.call('see how many runs are at work', () => this.queue.jobs.isMaxed()).catch(() => false);
  }

  /** There may be a job for somebody, or room for one. */
  tellOthers(): void {
    this.#server.publish({ type: 'lane', lane: this.name });
  }

  /** All moves of one turn share one question: it is sent when the turn ends. */
  #doubtAfter(): Promise<number> {
    return (this.#after ??= new Promise<number>((resolve) => {
      nextTurn(() => {
        this.#after = undefined;
        resolve(this.doubt());
      });
    }));
  }

  /** Whether jobs of the lane may have been cancelled; never rejects. */
  async doubt(): Promise<number> {
    try {
      return await this.#server.book.cancels(this.name);
    } catch {
      return UNKNOWN;
    }
  }
}
