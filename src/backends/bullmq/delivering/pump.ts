import { sleep } from '../../../timing/sleep.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { FleetLane } from './fleet-lane.js';

/** How many jobs of a lane are asked for at once, where the last answer was one. */
const PULLS = 8;

/** What {@link Pump} is told by the server. */
export type Wanted =
  /** There may be jobs: to be pulled as soon as there are slots. */
  | 'hungry'
  /** There were none. */
  | 'waiting';

/** Where this process stands with one lane. */
export class Pump {
  readonly lane: FleetLane;
  state: Wanted = 'hungry';
  /** Questions under way. */
  pulls = 0;
  /** The last answer was a job. */
  flows = false;
  /** There may be a job although the last answer was none. */
  told = false;
  /** Ends the wait for a job. */
  #wait: AbortController | undefined;
  #untilMs = 0;

  constructor(lane: FleetLane) {
    this.lane = lane;
  }

  /** Whether another job may be asked for: one at a time until there is one. */
  get mayPull(): boolean {
    return (this.state === 'hungry' || this.told) && this.pulls < (this.flows ? PULLS : 1);
  }

  /** A question for a job is about to be sent: its answer says all that was told before. */
  begin(): void {
    this.pulls += 1;
    this.told = false;
  }

  /**
   * Waits until there may be a job.
   *
   * @param untilMs epoch ms by the computer's clock: see `LaneQueue.waitForJob`. @param limited until then there is none.
   */
  async wait(untilMs: number, limited: boolean): Promise<void> {
    const wait = new AbortController();
    this.#wait = wait;
    this.#untilMs = untilMs;
    this.state = 'waiting';
    // As many as may be at work are: BullMQ would tell of those that wait again and again, and nobody may have them.
    if (limited || (await this.lane.isFull())) await sleepUntil(untilMs, wait.signal);
    else await this.lane.queue.waitForJob(untilMs, wait.signal);
    if (this.#wait !== wait) return;
    this.#wait = undefined;
    this.state = 'hungry';
    // A question under way may be older than what was waited for, and that is told once.
    this.told = true;
  }

  /** What is waited for has come, or may come sooner. */
  look(): void {
    this.#wait?.abort();
  }

  /** It waits already, and is not to wait longer than this. */
  lookBy(untilMs: number): void {
    if (untilMs < this.#untilMs) this.look();
  }

  /** No job is waited for any more. */
  stop(): Promise<void> {
    this.#wait?.abort();
    return this.lane.queue.rest();
  }
}

async function sleepUntil(untilMs: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(untilMs - systemClock.now(), 0), { signal }).catch(() => undefined);
}
