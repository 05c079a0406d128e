import type { StoredQueue, TaskCounts } from '../../../ports/backend.js';
import type { Clock } from '../../../ports/clock.js';
import { noCounts, RUN_STATUSES, type RunStatus } from '../../../task/status.js';
import type { LaneTally } from '../book/book.js';
import type { FleetServer } from '../server/fleet-server.js';
import { readLaneName } from './lane-name.js';

type Counts = Record<RunStatus, number>;

interface LaneCounts {
  readonly lane: string;
  readonly counts: Counts;
}

/** How long a process that leaves waits for a count, in ms. */
const LEAVING_MS = 400;

/** How BullMQ counts the jobs of a lane. */
interface JobCounts {
  readonly active: number;
  /** Those that it delays, whether that time is over or not. */
  readonly delayed: number;
  readonly delayedLater: number;
  readonly waiting: number;
  readonly completed: number;
  readonly failed: number;
}

/**
 * How many runs are in which state, over the whole fleet: BullMQ's counts, put right by what the book knows. Each lane is
 * counted by itself, so that a run which moves meanwhile may be counted twice, or not at all.
 */
export class FleetCounts {
  readonly #server: FleetServer;
  readonly #clock: Clock;

  constructor({ server, clock }: { readonly server: FleetServer; readonly clock: Clock }) {
    this.#server = server;
    this.#clock = clock;
  }

  /** One entry for each task, and one for all ad-hoc functions. @throws {TaskError} BACKEND when the server does not answer. */
  async tasks(): Promise<readonly TaskCounts[]> {
    const { lanes } = await this.#server.book.head();
    const tasks = new Map<string | null, Counts>();
    for (const { lane, counts } of await this.#count(lanes)) {
      const { task } = readLaneName(lane);
      const total = tasks.get(task) ?? noCounts();
      for (const status of RUN_STATUSES) total[status] += counts[status];
      tasks.set(task, total);
    }
    return Array.from(tasks, ([task, counts]) => ({ task, counts }));
  }

  async queues(): Promise<readonly StoredQueue[]> {
    const { lanes, pausedQueues } = await this.#server.book.head();
    const queued = new Map<string, number>(pausedQueues.map((name) => [name, 0]));
    for (const { lane, counts } of await this.#count(lanes)) {
      const { queue } = readLaneName(lane);
      queued.set(queue, (queued.get(queue) ?? 0) + counts.queued);
    }
    const paused = new Set(pausedQueues);
    return Array.from(queued, ([name, number]) => ({ name, paused: paused.has(name), queued: number }));
  }

  /** How many runs are `scheduled`, `queued` or `retrying`. */
  async waiting(): Promise<number> {
    const { lanes } = await this.#server.book.head();
    const all = await this.#count(lanes);
    return all.reduce((sum, { counts }) => sum + counts.scheduled + counts.queued + counts.retrying, 0);
  }

  /**
   * What {@link waiting} tells, for a process that leaves and waits for nobody: 0 where the server does not answer soon.
   * Never rejects.
   */
  waitingWhenLeaving(): Promise<number> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(LEAVING_MS, () => resolve(0));
      const answer = (waiting: number): void => {
        timer.cancel();
        resolve(waiting);
      };
      this.waiting().then(answer, () => answer(0));
    });
  }

  async #count(lanes: readonly string[]): Promise<readonly LaneCounts[]> {
    const now = this.#clock.now();
    const [jobs, tallies] = await Promise.all([
      Promise.all(lanes.map((lane) => this.#countJobs(lane, now))),
      this.#server.book.tallies(lanes, now),
    ]);
    return lanes.flatMap((lane, at) => {
      const [counted, tally] = [jobs[at], tallies[at]];
      return counted === undefined || tally === undefined ? [] : [{ lane, counts: countsOf(counted, tally) }];
    });
  }

  async #countJobs(lane: string, now: number): Promise<JobCounts> {
    const { jobs } = this.#server.queue(lane);
    const types = ['active', 'delayed', 'wait', 'prioritized', 'completed', 'failed'] as const;
    const [all, [due = 0]] = await this.#server.call('count runs', () =>
      Promise.all([jobs.getCounts([...types]), jobs.getCounts(['delayed'], now + 1)]),
    );
    const [active = 0, delayed = 0, wait = 0, prioritized = 0, completed = 0, failed = 0] = all;
    const delayedLater = Math.max(0, delayed - due);
    return { active, delayed, delayedLater, waiting: wait + prioritized, completed, failed };
  }
}

/** The two were counted one after the other: what does not fit together is taken for none. */
function countsOf(jobs: JobCounts, tally: LaneTally): Counts {
  const delayedRetrying = Math.min(tally.retrying - tally.heldRetrying, jobs.delayedLater);
  return {
    scheduled: jobs.delayedLater - delayedRetrying,
    queued: jobs.waiting + (jobs.delayed - jobs.delayedLater),
    running: Math.max(0, jobs.active - tally.held - tally.cancelling),
    retrying: delayedRetrying + tally.heldRetrying + tally.heldQueued,
    cancelling: Math.min(tally.cancelling, jobs.active),
    completed: jobs.completed + tally.ended.completed,
    failed: jobs.failed + tally.ended.failed,
    cancelled: tally.ended.cancelled,
  };
}
