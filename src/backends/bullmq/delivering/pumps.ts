import type { WorkOptions, Worker } from '../../../ports/backend.js';
import type { Clock } from '../../../ports/clock.js';
import type { Logger } from '../../../ports/logger.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { TakenJob } from './delivery.js';
import type { FleetLane, Taken } from './fleet-lane.js';
import type { FleetServer } from '../server/fleet-server.js';
import type { JobMoves, Moved } from './job-moves.js';
import { JobTaker, type TakeAnswer } from './job-taker.js';
import { Pump } from './pump.js';
import { readNext } from './next-job.js';
import { UnderWay } from './under-way.js';
import type { NextJobs } from './settling.js';

/** How long a lane is waited for at most until it is looked at again: a message may have been lost. */
const LOOK_AGAIN_MS = 5_000;
/** How long a server that has failed is left alone. */
const RECOVER_MS = 500;

/** What {@link Pumps} works with. */
export interface PumpParts {
  readonly server: FleetServer;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly moves: JobMoves;
  readonly isPaused: (queue: string) => boolean;
  /**
   * Decides what becomes of a job. Asks for `options` in the step in which it takes the slot, where it takes it; the slot
   * is not needed when it settles otherwise.
   */
  readonly pickUp: (taken: TakenJob, options: () => WorkOptions | undefined) => Promise<void>;
}

/**
 * Takes jobs while slots are free: a slot is asked for before a job is taken, so that none waits in a process that has no
 * room for it. Lanes take turns.
 */
export class Pumps implements Worker, NextJobs {
  readonly #parts: PumpParts;
  readonly #taker: JobTaker;
  readonly #pumps = new Map<string, Pump>();
  #options: WorkOptions | undefined;
  /** Jobs that were asked for and have no slot yet. */
  #taking = 0;
  /** Attempts whose end is about to decide whether it takes the next job along. */
  #deciding = 0;
  /** Jobs that were asked for, until it is decided what becomes of them. */
  readonly underWay = new UnderWay();

  constructor(parts: PumpParts) {
    this.#parts = parts;
    this.#taker = new JobTaker(parts);
  }

  /** There is such a lane. Those of other processes' functions are none of ours. */
  add(lane: FleetLane): void {
    const { process } = lane.id;
    const { processId } = this.#parts.server;
    if (this.#pumps.has(lane.name) || (process !== null && process !== processId)) return;
    this.#pumps.set(lane.name, new Pump(lane));
    this.wake();
  }

  work(options: WorkOptions): Worker {
    this.#options = options;
    this.wake();
    return this;
  }

  stop(): void {
    this.#options = undefined;
    for (const pump of this.#pumps.values()) {
      void pump.stop();
      // Others may rest because this process has taken what came.
      if (pump.lane.limits.areSome) pump.lane.tellOthers();
    }
  }

  wake(): void {
    // Where an attempt is about to end, it has the first choice.
    if (this.#deciding === 0) this.#share();
  }

  /** There may be jobs in a lane although BullMQ tells nobody. */
  look(lane: string): void {
    const pump = this.#pumps.get(lane);
    // Also where a question is under way: its answer may be older than what was told.
    if (pump !== undefined) pump.told = true;
    this.wake();
  }

  async wanted(lane: FleetLane): Promise<boolean> {
    this.#deciding += 1;
    await Promise.resolve(); // the slot is given back in the same turn as the attempt is settled
    this.#deciding -= 1;
    const wants = this.#wantsNext(lane);
    if (wants) this.#taking += 1;
    this.wake();
    return wants;
  }

  came(lane: FleetLane, token: string, taken: Taken<Moved> | undefined): void {
    const pump = this.#pumps.get(lane.name);
    const next = taken?.moved.next;
    if (pump === undefined || taken === undefined || next === undefined) {
      this.#taking -= 1;
      this.wake();
      return;
    }
    const { doubt, askedAt } = taken;
    this.underWay.follow(this.#answered(pump, { token, next, doubt, askedAt }));
  }

  /** Whether the next job of this lane has a slot, and no other lane has waited longer. */
  #wantsNext(lane: FleetLane): boolean {
    const pump = this.#pumps.get(lane.name);
    // Where jobs at work are counted, there may be one that could not be given before this one has ended.
    const mayBe = pump?.state === 'hungry' || lane.limits.boundsSlots;
    if (pump === undefined || !mayBe || !this.#hasRoom(pump)) return false;
    for (const other of this.#pumps.values()) if (other !== pump && other.mayPull && this.#hasRoom(other)) return false;
    return true;
  }

  #hasRoom({ lane }: Pump): boolean {
    const { queue, kind, task } = lane.id;
    const free = this.#options?.freeSlots(kind, task) ?? 0;
    return free - this.#taking > 0 && !this.#parts.isPaused(queue);
  }

  /** Asks for as many jobs as there are slots, one of each lane in turn. */
  #share(): void {
    for (let asked = this.#options !== undefined; asked;) {
      asked = false;
      for (const pump of [...this.#pumps.values()]) {
        if (!pump.mayPull || !this.#hasRoom(pump)) continue;
        asked = true;
        // It stands last from now on.
        this.#pumps.delete(pump.lane.name);
        this.#pumps.set(pump.lane.name, pump);
        this.underWay.follow(this.#pull(pump));
      }
    }
  }

  async #pull(pump: Pump): Promise<void> {
    const { lane } = pump;
    pump.begin();
    this.#taking += 1;
    try {
      const answer = await this.#taker.take(lane, this.#options?.limitsOf);
      pump.pulls -= 1;
      // What it was to wait for is there.
      if (readNext(answer.next).job !== undefined) pump.look();
      await this.#answered(pump, answer);
    } catch {
      pump.pulls -= 1;
      this.#taking -= 1;
      this.#waitForServer(pump);
    }
  }

  /** The server has answered to a question for a job. The slot for it is kept until it is taken, or not needed. */
  async #answered(pump: Pump, { token, next, doubt, askedAt }: TakeAnswer): Promise<void> {
    const { lane } = pump;
    const { job, dueAt, limitedMs } = readNext(next);
    pump.flows = job !== undefined;
    if (job === undefined) {
      this.#taking -= 1;
      if (limitedMs > 0) this.#waitForJob(pump, systemClock.now() + limitedMs, true);
      else this.#waitForJob(pump, dueAt);
      // The slot that was kept for it may be what another lane has waited for.
      this.wake();
      return;
    }
    let keeps = true;
    const letGo = (): void => {
      if (keeps) this.#taking -= 1;
      keeps = false;
    };
    // The slot is taken in the step in which it is let go: a handler may be done before anything else happens.
    const options = (): WorkOptions | undefined => {
      letGo();
      return this.#workOf(lane);
    };
    try {
      await this.#parts.pickUp({ lane, token, job, doubt, askedAt }, options);
    } catch (error) {
      this.#parts.logger?.error({ lane: lane.name, jobId: job.id, error }, 'A run could not be begun');
    } finally {
      letGo();
      this.wake();
    }
  }

  /** Who takes runs of this lane now: nobody, where it was stopped or paused since the job was asked for. */
  #workOf({ id }: FleetLane): WorkOptions | undefined {
    return this.#parts.isPaused(id.queue) ? undefined : this.#options;
  }

  #waitForJob(pump: Pump, dueAt: number, limited = false): void {
    // Others that are under way may still bring one.
    if (pump.pulls > 0 || this.#options === undefined) return;
    if (pump.told) {
      this.wake();
      return;
    }
    const untilMs = Math.min(dueAt, systemClock.now() + LOOK_AGAIN_MS);
    if (pump.state === 'waiting') {
      pump.lookBy(untilMs);
      return;
    }
    void pump.wait(untilMs, limited).then(() => {
      if (this.#hasRoom(pump)) this.wake();
      else this.#passOn(pump);
    });
  }

  /**
   * BullMQ has woken this process, and no other, for a job that it has no slot for any more. To take the job and give it
   * back would take from its limits, and show it as running meanwhile.
   */
  #passOn({ lane }: Pump): void {
    if (this.#options !== undefined && !this.#parts.isPaused(lane.id.queue)) lane.tellOthers();
  }

  #waitForServer(pump: Pump): void {
    if (this.#options === undefined || pump.state === 'waiting') return;
    pump.state = 'waiting';
    this.#parts.clock
      .after(RECOVER_MS, () => {
        pump.state = 'hungry';
        this.wake();
      })
      .unref();
  }
}
