import type { BackendEnvironment } from '../../../ports/backend.js';
import { TaskError } from '../../../task/errors.js';
import { isWaiting } from '../../../task/status.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { BookHead, Place } from '../book/book.js';
import type { Cancelling } from './cancelling.js';
import { Chore } from './chore.js';
import type { FleetRetention } from './fleet-retention.js';
import type { FleetServer } from '../server/fleet-server.js';
import { readLaneName } from '../runs/lane-name.js';
import type { FailedStarts } from '../accepting/failed-starts.js';
import { addClaimedJobs } from '../accepting/new-job.js';
import { allAtOnce, oneByOne } from './one-by-one.js';
import { isUnadded, type RunReader } from '../runs/run-reader.js';
import type { WaitingEnds } from './waiting-ends.js';

/** What {@link Housekeeping} works with. */
export interface HousekeepingParts {
  readonly server: FleetServer;
  readonly environment: BackendEnvironment;
  readonly reader: RunReader;
  readonly ends: WaitingEnds;
  readonly cancelling: Cancelling;
  readonly retention: FleetRetention;
  readonly failedStarts: FailedStarts;
  /** How often leases are looked at that have run out, in ms. */
  readonly stalledCheckMs: number;
  /** How long a lease lasts that is not renewed, in ms. */
  readonly lockMs: number;
  /** A process that has not been heard of for so long is dead, in ms. */
  readonly processLastsMs: number;
  /** The lanes that this process knows of. */
  readonly lanes: () => readonly string[];
  /** Told which lanes there are, and which queues are paused. */
  readonly onHead: (head: BookHead) => void;
}

/** How often what was left undone is looked for, in ms. */
const TIDY_MS = 1_000;
/** How often the book is asked what was told and not heard, in ms. */
const HEAD_MS = 5_000;
/**
 * A job that was claimed is added by others when it is as old as this, in ms: whoever claimed it may be slow, but until
 * then nobody begins or cancels the run.
 */
const UNADDED_MS = 1_000;
/**
 * A run expires so much later than it should, in ms: whoever takes it after its time fails it himself, and whoever has
 * taken it just before is at work by then, also where the clocks of both differ a little.
 */
const EXPIRE_LATE_MS = 250;
/**
 * A lock that lasts for less than this part of its time was not renewed when it should have been. What such a run has lent
 * is taken back for it; where its process is there after all, it lends that again when it renews the lock.
 */
const NEARLY_OVER = 0.25;
/** How many runs are dealt with at once. */
const MOST = 100;

type JobAddress = Pick<Place, 'lane' | 'jobId'>;

/** What has to be done in a fleet again and again, whoever does it: every open process takes its turn, also without work. */
export class Housekeeping {
  readonly #parts: HousekeepingParts;
  readonly #chores: readonly Chore[];

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
    const { stalledCheckMs, processLastsMs } = parts;
    this.#chores = [
      this.#chore('say that this process is there', processLastsMs / 3, () => this.#beat()),
      this.#chore('look for lanes of the fleet', HEAD_MS, () => this.#look()),
      this.#chore('look for leases that have run out', stalledCheckMs, () => this.#freeStalled()),
      this.#chore('let ends go whose handlers have died', stalledCheckMs, () => this.#freeHeld()),
      this.#chore('end runs that were cancelled or waited too long', TIDY_MS, () => this.#tidy()),
      this.#chore('remove old runs', TIDY_MS, () => this.#retire()),
      this.#chore('take back starts that failed', TIDY_MS, () => parts.failedStarts.takeBack()),
      this.#chore('end functions of dead processes', TIDY_MS, () => this.#buryDead()),
    ];
  }

  /** @throws {TaskError} BACKEND when the server does not answer. */
  async open(): Promise<void> {
    // Functions of a process that nobody has heard of would be taken for those of a dead one.
    await this.#beat();
    await this.#look();
    for (const chore of this.#chores) chore.start();
  }

  close(): void {
    for (const chore of this.#chores) chore.stop();
  }

  #chore(what: string, everyMs: number, act: () => Promise<void>): Chore {
    const { clock, logger } = this.#parts.environment;
    return new Chore({ clock, logger, what, everyMs }, act);
  }

  get #now(): number {
    return this.#parts.environment.clock.now();
  }

  #beat(): Promise<void> {
    const { server, processLastsMs } = this.#parts;
    return server.book.beat(server.processId, processLastsMs);
  }

  async #look(): Promise<void> {
    this.#parts.onHead(await this.#parts.server.book.head());
  }

  /** Functions of other processes are looked at when those are dead: nobody could begin them before. */
  async #freeStalled(): Promise<void> {
    const { server, lanes } = this.#parts;
    const isOurs = (process: string | null): boolean => process === null || process === server.processId;
    await this.#freeStalledOf(lanes().filter((lane) => isOurs(readLaneName(lane).process)));
  }

  async #freeStalledOf(lanes: readonly string[]): Promise<void> {
    const { server, lockMs } = this.#parts;
    // First: the slot of a job that waits again would be one too many.
    await server.book.dropLent(lockMs * NEARLY_OVER, systemClock.now());
    await server.call('look for stalled runs', () =>
      Promise.all(lanes.map((lane) => server.queue(lane).jobs.moveStalledJobsToWait())),
    );
  }

  /** Their jobs wait again when their leases have run out, perhaps for long: nobody may work on their lanes. */
  async #freeHeld(): Promise<void> {
    const { server, cancelling, stalledCheckMs } = this.#parts;
    if (!(await server.book.turn('held', stalledCheckMs / 2))) return;
    await allAtOnce(await server.book.heldEnds(MOST), (place) => cancelling.finishCancel(place));
  }

  async #tidy(): Promise<void> {
    const { server, cancelling } = this.#parts;
    const { book } = server;
    if (!(await book.turn('tidy', TIDY_MS / 2))) return;
    const tasks = [
      async () => addClaimedJobs(server, await book.unadded(this.#now - UNADDED_MS, MOST), this.#now),
      async () => allAtOnce(await book.toCancel(MOST), (place) => cancelling.finishCancel(place)),
      async () => allAtOnce(await book.expired(this.#now - EXPIRE_LATE_MS, MOST), (place) => this.#expire(place)),
      () => book.dropKeys(this.#now, 10 * MOST),
    ];
    await oneByOne(tasks, (task) => task());
  }

  /** One that is at work is looked at when it would wait again. */
  async #expire(place: JobAddress): Promise<void> {
    const { server, reader, ends } = this.#parts;
    const seen = await reader.see(place);
    // It would be added after its end.
    if (seen !== undefined && isUnadded(seen)) return;
    if (seen === undefined || !isWaiting(seen.run.status)) await server.book.unexpire([place.jobId]);
    else await ends.fail(seen, new TaskError('QUEUE_EXPIRED', 'The run was not started in time (expiresInMs)'));
  }

  async #retire(): Promise<void> {
    const { server, retention } = this.#parts;
    if (await server.book.turn('retention', TIDY_MS / 2)) await retention.sweep(this.#parts.lanes());
  }

  async #buryDead(): Promise<void> {
    const { server } = this.#parts;
    const { book } = server;
    if (!(await book.turn('dead', TIDY_MS / 2))) return;
    await oneByOne(await book.deadProcesses(), async (dead) => {
      const { lanes } = await book.head();
      const its = lanes.filter((lane) => readLaneName(lane).process === dead);
      await this.#freeStalledOf(its);
      for (const lane of its) await this.#interrupt(lane);
      // What has ended is kept as long as all that ends.
      if (!(await this.#areEmpty(its))) return;
      for (const lane of its) await server.call('remove a queue', () => server.queue(lane).drop());
      await book.bury(dead);
    });
  }

  /** Functions that wait for a process which is gone. One that was at work waits, too, when its lease has run out. */
  async #interrupt(lane: string): Promise<void> {
    const { server, reader, ends } = this.#parts;
    const { jobs } = server.queue(lane);
    const ranges: readonly (readonly string[])[] = await server.call('look for waiting runs', () =>
      jobs.getRanges(['wait', 'prioritized', 'delayed'], 0, MOST - 1, true),
    );
    for (const jobId of ranges.flat()) {
      const seen = await reader.see({ lane, jobId });
      if (seen === undefined || !isWaiting(seen.run.status)) continue;
      await ends.fail(seen, new TaskError('RUN_INTERRUPTED', 'The process ended before the function had'));
    }
  }

  async #areEmpty(lanes: readonly string[]): Promise<boolean> {
    const { server } = this.#parts;
    const types = ['active', 'wait', 'prioritized', 'delayed', 'completed', 'failed'] as const;
    const counts = await server.call('count runs', () =>
      Promise.all(lanes.map((lane) => server.queue(lane).jobs.getCounts([...types]))),
    );
    const tallies = await server.book.tallies(lanes, this.#now);
    const ended = tallies.map(({ ended: { completed, failed, cancelled } }) => completed + failed + cancelled);
    return [...counts.flat(), ...ended].every((count) => count === 0);
  }
}
