import type { BackendEnvironment } from '../../../ports/backend.js';
import type { FinalStatus } from '../../../task/status.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { FleetRun, RunOrigin } from '../runs/fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import { runIdOf } from '../runs/job-id.js';
import { readLaneName } from '../runs/lane-name.js';
import { freshRun } from '../accepting/new-job.js';
import { removeJob } from './remove-job.js';
import type { RunReader } from '../runs/run-reader.js';
import type { WaitingEnds } from './waiting-ends.js';

/** How many runs go together: they are of one lane, so that the order in which runs go is only so exact. */
const BATCH = 500;
/** How many runs that end in one millisecond are expected not to be of one batch. */
const MOST_TIES = 50;
/** How many runs one sweep removes at most: the rest go with the next. */
const SWEEP_MOST = 5_000;

/** What {@link FleetRetention} works with. */
export interface RetentionParts {
  readonly server: FleetServer;
  readonly environment: BackendEnvironment;
  readonly reader: RunReader;
  readonly ends: WaitingEnds;
}

/** Where ended runs of a lane are: BullMQ has jobs of them, or the book has their ends. */
interface Source {
  readonly lane: string;
  readonly status: FinalStatus;
  readonly booked: boolean;
}

/** The oldest runs of a source, the oldest first. */
interface Batch {
  readonly source: Source;
  readonly jobIds: readonly string[];
  /** Those that ended next: some perhaps in the same millisecond. */
  readonly next: readonly string[];
  /** When the last of them ended. */
  readonly lastAt: number;
}

/** Ended runs that are kept by the same rules. */
interface Shelf {
  readonly sources: readonly Source[];
  readonly keepMs: number;
  /** How many are too many now. */
  readonly excess: number;
}

/**
 * Removes the records of ended runs that are too old or too many, over the whole fleet; those of keys stay, in the book,
 * until the keys go. What is told of a removed run of a task is whose it was, not what it was: reading each before it goes
 * would cost as much as running it. Runs with files, imports, are read.
 */
export class FleetRetention {
  readonly #parts: RetentionParts;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  /** For one process at a time. */
  async sweep(lanes: readonly string[]): Promise<void> {
    for (const shelf of await this.#shelves(lanes)) await this.#sweep(shelf);
  }

  async #shelves(lanes: readonly string[]): Promise<readonly Shelf[]> {
    const { server, environment } = this.#parts;
    const { keepResultMs, maxFinished, keepFailedMs, maxFailed } = environment.retention;
    const tallies = await server.book.tallies(lanes, environment.clock.now());
    const sizes = await Promise.all(lanes.map((lane) => this.#countEnded(lane)));
    const found = lanes.flatMap((lane, at) => {
      const [tally, jobs] = [tallies[at], sizes[at]];
      if (tally === undefined || jobs === undefined) return [];
      const booked = (['completed', 'failed', 'cancelled'] as const).map((status) => ({
        source: { lane, status, booked: true },
        size: tally.ended[status] - tally.keyed[status],
      }));
      const kept = (['completed', 'failed'] as const).map((status) => ({
        source: { lane, status, booked: false },
        size: jobs[status],
      }));
      return [...booked, ...kept].filter(({ size }) => size > 0);
    });
    const shelf = (failed: boolean, keepMs: number, max: number): Shelf => {
      const its = found.filter(({ source }) => (source.status === 'failed') === failed);
      const excess = its.reduce((sum, { size }) => sum + size, 0) - max;
      return { sources: its.map(({ source }) => source), keepMs, excess };
    };
    return [shelf(false, keepResultMs, maxFinished), shelf(true, keepFailedMs, maxFailed)];
  }

  async #countEnded(lane: string): Promise<{ readonly completed: number; readonly failed: number }> {
    const { server } = this.#parts;
    const { jobs } = server.queue(lane);
    const counts = await server.call('count ended runs', () => jobs.getCounts(['completed', 'failed']));
    return { completed: counts[0] ?? 0, failed: counts[1] ?? 0 };
  }

  /** The oldest go first: again and again those of the source whose batch is the oldest. */
  async #sweep({ sources, keepMs, excess }: Shelf): Promise<void> {
    let tooMany = excess;
    for (let left = SWEEP_MOST; left > 0;) {
      const size = Math.min(left, BATCH, tooMany > 0 ? tooMany : BATCH);
      // Those that are too many go whatever their age.
      const until = tooMany > 0 ? Infinity : this.#now - keepMs;
      const batches = await Promise.all(sources.map((source) => this.#oldest(source, size, until)));
      const [oldest] = batches.filter((batch) => batch !== undefined).sort((a, b) => a.lastAt - b.lastAt);
      const gone = oldest === undefined ? 0 : await this.#remove(oldest, until);
      if (gone === 0) return;
      tooMany -= gone;
      left -= gone;
    }
  }

  /** @returns undefined where none ended by `until`. */
  async #oldest(source: Source, size: number, until: number): Promise<Batch | undefined> {
    const { book } = this.#parts.server;
    if (!source.booked) return this.#oldestJobs(source, size, until);
    const ends = await book.oldestEnds(source.lane, source.status, size);
    const old = ends.filter(({ finishedAt }) => finishedAt <= until);
    const lastAt = old.at(-1)?.finishedAt;
    return lastAt === undefined ? undefined : { source, jobIds: old.map(({ jobId }) => jobId), next: [], lastAt };
  }

  async #oldestJobs(source: Source, size: number, until: number): Promise<Batch | undefined> {
    const { server } = this.#parts;
    const { lane, status } = source;
    const { jobs } = server.queue(lane);
    // What its type says of its answer is not so: it gives the ids of each state that it is asked for.
    const ranges: readonly (readonly string[])[] = await server.call('look for ended runs', () =>
      jobs.getRanges([status === 'failed' ? 'failed' : 'completed'], 0, size + MOST_TIES - 1, true),
    );
    const [jobIds, next] = [ranges[0]?.slice(0, size) ?? [], ranges[0]?.slice(size) ?? []];
    const [first, last] = [jobIds[0], jobIds.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    const [firstAt, lastAt] = await Promise.all([this.#endedAt(lane, first), this.#endedAt(lane, last)]);
    return firstAt > until ? undefined : { source, jobIds, next, lastAt };
  }

  /** @returns how many were removed, or went into the book. */
  async #remove(batch: Batch, until: number): Promise<number> {
    const { source, jobIds } = batch;
    const isRead = readLaneName(source.lane).kind === 'import';
    if (isRead) return this.#removeRead(batch, until);
    const { gone, booked } = source.booked
      ? { gone: await this.#removeEnds(source.lane, jobIds), booked: 0 }
      : await this.#removeJobs(batch, until);
    await this.#forget(goneRuns(source, gone, this.#now));
    return gone.length + booked;
  }

  /** One by one: of each it is told what it was. */
  async #removeRead({ source: { lane, booked }, jobIds }: Batch, until: number): Promise<number> {
    const { reader, ends } = this.#parts;
    const read = await reader.read(jobIds.map((jobId) => ({ lane, jobId })));
    const runs = read.filter((run) => run !== undefined).filter(({ state }) => (state.finishedAt ?? 0) <= until);
    const keyed = booked ? [] : await this.#parts.server.book.haveKeys(runs.map(({ id }) => id));
    for (const run of runs.filter((_, at) => keyed[at])) await ends.put(run);
    const free = runs.filter((_, at) => !keyed[at]);
    const gone = new Set(
      await this.#removeEnds(
        lane,
        free.map(({ origin }) => origin.jobId),
      ),
    );
    await this.#forget(free.filter(({ origin }) => gone.has(origin.jobId)));
    return runs.length - free.length + gone.size;
  }

  async #forget(gone: readonly FleetRun[]): Promise<void> {
    const { server, environment } = this.#parts;
    await server.book.forget(gone.map(({ id, origin: { jobId, lane } }) => ({ id, jobId, lane })));
    for (const run of gone) environment.observer.forgotten(run);
  }

  /** Where BullMQ still has a job of a run, it would begin as soon as nobody knows that it has ended. */
  async #removeEnds(lane: string, jobIds: readonly string[]): Promise<readonly string[]> {
    const { server } = this.#parts;
    const removed = await Promise.all(jobIds.map((jobId) => removeJob(server, { lane, jobId })));
    return jobIds.filter((_, at) => removed[at]);
  }

  /** Those with keys go into the book; all others go. */
  async #removeJobs(
    { source: { lane, status }, jobIds, next, lastAt }: Batch,
    until: number,
  ): Promise<{ readonly gone: readonly string[]; readonly booked: number }> {
    const { server, reader, ends } = this.#parts;
    const { jobs } = server.queue(lane);
    // PostgreSQL removes those first that were accepted first, among all that had ended by then.
    const last = Math.min(until, lastAt);
    const near = [...jobIds, ...next];
    const keyed = await server.book.haveKeys(near.map(runIdOf));
    let booked = 0;
    for (const jobId of near.filter((_, at) => keyed[at])) {
      if ((await this.#endedAt(lane, jobId)) > last) continue;
      const run = (await reader.see({ lane, jobId }))?.run;
      if (run !== undefined) await ends.put(run);
      booked += 1;
    }
    const most = jobIds.length - booked;
    if (most <= 0) return { gone: [], booked };
    const cutoff = Math.floor(last + this.#lead); // PostgreSQL takes whole numbers only
    const gone = await server.call('remove ended runs', () =>
      jobs.cleanJobsByState(status === 'failed' ? 'failed' : 'completed', cutoff, most),
    );
    return { gone, booked };
  }

  async #endedAt(lane: string, jobId: string): Promise<number> {
    const { server } = this.#parts;
    const job = await server.call('look at an ended run', () => server.queue(lane).jobs.getJobData(jobId));
    return (job?.finishedOn ?? 0) - this.#lead;
  }

  get #now(): number {
    return this.#parts.environment.clock.now();
  }

  /** BullMQ's times are the computer's: how far those are ahead of ours, which a test may stop. */
  get #lead(): number {
    return systemClock.now() - this.#now;
  }
}

/** What can be said of runs whose records have gone: whose they were. */
function goneRuns({ lane, status }: Source, jobIds: readonly string[], now: number): readonly FleetRun[] {
  const { queue, kind, task } = readLaneName(lane);
  const common: RunOrigin = {
    ...{ id: '', jobId: '', lane, kind, task, queue, inputText: null, priority: 0, maxAttempts: 1 },
    ...{ onCrash: 'retry', maxCrashes: 0, tags: [], owner: null, idempotencyKey: null, redriveOf: null },
    ...{
      parent: null,
      hardLimitMs: null,
      checkpointText: null,
      ordinal: 0,
      versionBase: 0,
      createdAt: now,
      dueAt: null,
      expiresAt: null,
    },
  };
  return jobIds.map((jobId) => {
    const run = freshRun({ ...common, id: runIdOf(jobId), jobId });
    run.state.status = status;
    run.state.active = false;
    return run;
  });
}
