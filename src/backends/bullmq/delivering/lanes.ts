import type { BookHead } from '../book/book.js';
import { FleetLane } from './fleet-lane.js';
import type { FleetServer } from '../server/fleet-server.js';
import { MAX_EVENTS } from '../server/settings-for-bullmq.js';

/**
 * The lanes that this process knows of, and the queues that are paused. Others make new ones, and tell; `see` finds what
 * was told and not heard.
 */
export class Lanes {
  readonly #server: FleetServer;
  readonly #onLane: (lane: FleetLane) => void;
  readonly #lanes = new Map<string, FleetLane>();
  readonly #adding = new Map<string, Promise<void>>();
  #paused = new Set<string>();

  /** @param onLane is told of each lane once, also of those that are found later. */
  constructor(server: FleetServer, onLane: (lane: FleetLane) => void) {
    this.#server = server;
    this.#onLane = onLane;
  }

  get names(): readonly string[] {
    return [...this.#lanes.keys()];
  }

  readonly isPaused = (queue: string): boolean => this.#paused.has(queue);

  /** A lane that somebody has told of. */
  get(name: string): FleetLane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new FleetLane(this.#server, name);
      this.#lanes.set(name, lane);
      this.#onLane(lane);
    }
    return lane;
  }

  /**
   * Makes a lane known to the whole fleet, before its first job is added.
   *
   * @returns undefined where it is known. @throws {TaskError} BACKEND
   */
  use(name: string): Promise<void> | undefined {
    if (this.#lanes.has(name)) return undefined;
    let adding = this.#adding.get(name);
    if (adding === undefined) {
      adding = this.#add(name).finally(() => this.#adding.delete(name));
      this.#adding.set(name, adding);
    }
    return adding;
  }

  /** What the book says now. */
  see({ lanes, pausedQueues }: BookHead): void {
    this.#paused = new Set(pausedQueues);
    for (const name of lanes) this.get(name);
    const known = new Set(lanes);
    // Those of dead processes go. One of this process may be so new that the book was read before.
    for (const [name, { id }] of this.#lanes) {
      if (id.process === null || known.has(name)) continue;
      if (id.process !== this.#server.processId) this.#forget(name);
      // This process was taken for dead while it was stopped, or cut off: its functions are nobody else's.
      else this.#add(name).catch(() => undefined);
    }
  }

  #forget(name: string): void {
    this.#lanes.delete(name);
    this.#server.forget(name);
  }

  async pause(queue: string, paused: boolean): Promise<void> {
    await this.#server.book.pauseQueue(queue, paused);
    this.heardPause(queue, paused);
    this.#server.publish({ type: 'pause', queue, paused });
  }

  heardPause(queue: string, paused: boolean): void {
    if (paused) this.#paused.add(queue);
    else this.#paused.delete(queue);
  }

  async #add(name: string): Promise<void> {
    await this.#server.book.addLane(name);
    const { jobs } = this.#server.queue(name);
    // BullMQ keeps 10,000 events of each queue, results included; we read none of them.
    await this.#server.call('prepare a queue', () => jobs.setQueueMeta({ [MAX_EVENTS]: 0 }));
    this.get(name);
    this.#server.publish({ type: 'lane', lane: name });
  }
}
