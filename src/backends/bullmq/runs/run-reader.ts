import type { JobJson } from 'bullmq';
import type { RunFilter, StoredPage } from '../../../ports/backend.js';
import type { Clock } from '../../../ports/clock.js';
import { TaskError } from '../../../task/errors.js';
import type { Run, RunKind } from '../../../task/run.js';
import { sleep } from '../../../timing/sleep.js';
import { readOrdinal, writeOrdinal } from '../../live/paging.js';
import { matches } from '../../live/run-filter.js';
import { freshRun, readClaimedJob } from '../accepting/new-job.js';
import type { Note, Place, Placed } from '../book/book.js';
import { readEnded } from '../book/ended-text.js';
import type { FleetRun } from './fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import { readLaneName } from './lane-name.js';
import { runOfJob, shownRun } from './run-status.js';

/** How many runs one page looks at: each takes several answers of the server. */
const SCAN_LIMIT = 500;
/** How many are looked at together where a filter may leave few of them. */
const SCAN_STEP = 100;
/** How often a run is looked at again that changes while it is read. */
const MOST_LOOKS = 5;
/** How long it is waited until it is decided whether a run has ended or was cancelled after all, and how often it is looked. */
const UNDECIDED_MS = 10;
const MOST_UNDECIDED = 20;

/** What a {@link RunReader} works with. */
export interface ReaderParts {
  readonly server: FleetServer;
  readonly clock: Clock;
  /** The run of this job, where this process holds it: it knows more of it than the server. */
  readonly heldHere: (jobId: string) => FleetRun | undefined;
}

/** A run, and what it was read from. */
export interface Sighting {
  readonly run: FleetRun;
  /** Undefined where only the book knows the run. */
  readonly job: JobJson | undefined;
  /** As BullMQ calls it; `unknown` without a job. */
  readonly state: string;
  readonly note: Note | undefined;
}

/** Of a run that was cancelled while it waited. */
type HalfCancelled = Sighting & { readonly job: JobJson };

/** Where a job is, and nothing else. */
type Address = Pick<Place, 'jobId' | 'lane'>;

interface Look {
  readonly before: string;
  readonly job: JobJson | undefined;
  readonly note: Note | undefined;
  readonly state: string;
}

/** Reads runs, whichever process holds them: each from its job and from the note that the book has of it. */
export class RunReader {
  readonly #server: FleetServer;
  readonly #clock: Clock;
  readonly #heldHere: (jobId: string) => FleetRun | undefined;

  constructor({ server, clock, heldHere }: ReaderParts) {
    this.#server = server;
    this.#clock = clock;
    this.#heldHere = heldHere;
  }

  /** @throws {TaskError} BACKEND when the server does not answer, or has something else under our names. */
  async find(id: string): Promise<FleetRun | undefined> {
    const [place] = await this.#server.book.placesOf([id]);
    return place === undefined ? undefined : this.#show(place);
  }

  /** The runs at these places; undefined where a place has no run (any more). */
  async read(places: readonly Address[]): Promise<readonly (FleetRun | undefined)[]> {
    return Promise.all(places.map((place) => this.#show(place)));
  }

  /** @throws {RangeError} when the cursor is none. @throws {TaskError} BACKEND as `find`. */
  async list(filter: RunFilter): Promise<StoredPage> {
    let below = filter.cursor === undefined ? Number.MAX_SAFE_INTEGER : readOrdinal(filter.cursor);
    const items: Run[] = [];
    for (let looked = 0; looked < SCAN_LIMIT;) {
      const size = Math.min(stepOf(filter), SCAN_LIMIT - looked);
      const page = await this.#server.book.page(below, size);
      const runs = await this.#readIfWanted(page, filter);
      for (const [at, { place }] of page.entries()) {
        const run = runs[at];
        if (run === undefined || !matches(run, filter)) continue;
        // Those of one ordinal stay together: the next page begins below it.
        if (items.length >= filter.limit && place.ordinal < below) return { items, nextCursor: writeOrdinal(below) };
        items.push(run.snapshot());
        below = place.ordinal;
      }
      if (page.length < size) return { items };
      below = page.at(-1)?.place.ordinal ?? 0;
      looked += size;
    }
    return { items, nextCursor: writeOrdinal(below) };
  }

  /** Every run of a kind, newest first. */
  async runsOf(kind: RunKind): Promise<readonly FleetRun[]> {
    const placed = kind === 'import' ? await this.#server.book.ofKind(kind) : await this.#allOf(kind);
    const runs = await this.read(placed.map(({ place }) => place));
    return runs.filter((run) => run !== undefined);
  }

  /** A run for whoever asks how it is: a final status that was seen stays. */
  async #show(place: Address): Promise<FleetRun | undefined> {
    const seen = await this.see(place);
    if (seen === undefined || !isHalfCancelled(seen)) return seen?.run;
    const { job, state, note } = seen;
    return shownRun({ place, job, state, note }, this.#clock.now());
  }

  /**
   * A run and all that says how it is, of one moment, for those who decide; undefined where there is none. What was
   * cancelled when its job ended is waited for.
   */
  async see(place: Address): Promise<Sighting | undefined> {
    for (let looks = 0; looks < MOST_UNDECIDED; looks += 1) {
      const seen = await this.seeNow(place);
      if (seen === undefined || !isUndecided(seen)) return seen;
      await sleep(UNDECIDED_MS);
    }
    return this.seeNow(place);
  }

  /** The same, without waiting. */
  async seeNow(place: Address): Promise<Sighting | undefined> {
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      const look = await this.#look(place);
      if (look.note?.end) return ended(place, look, look.note.end);
      if (look.job === undefined) {
        const seen = await this.#seeWithoutJob(place);
        if (seen === 'changing') continue;
        return seen;
      }
      // Read between two moves, it would be told in a state in which it never was.
      if (look.job.finishedOn === undefined && (look.before !== look.state || look.state === 'unknown')) continue;
      return this.#sighting(place, look, look.job);
    }
    throw new TaskError('BACKEND', 'The run changes too fast to be read; try again');
  }

  #sighting(place: Address, { note, state }: Look, job: JobJson): Sighting {
    const run = runOfJob({ place, job, state, note }, this.#clock.now());
    const live = state === 'active' ? this.#heldHere(place.jobId) : undefined;
    const knowsMore = live !== undefined && live.state.version >= run.state.version;
    return { run: knowsMore ? live : run, job, state, note };
  }

  /**
   * The end is booked before the job is removed, and the text of a claimed job goes after that was added: where there was
   * no job, there is one of them, or a job now, or no such run.
   */
  async #seeWithoutJob(place: Address): Promise<Sighting | 'changing' | undefined> {
    const text = await this.#server.book.unaddedJob(place.jobId);
    const look = await this.#look(place);
    const { job, state, note } = look;
    if (note?.end) return ended(place, look, note.end);
    if (job !== undefined) return 'changing';
    return text === null ? undefined : { run: freshRun(readClaimedJob(text)), job, state, note };
  }

  async #look({ lane, jobId }: Address): Promise<Look> {
    const { book, name } = this.#server;
    const { jobs } = this.#server.queue(lane);
    if (name === 'redis') {
      // Over one connection they are answered in this order.
      const [before, job, [note], state] = await this.#server.call('read a run', () =>
        Promise.all([jobs.getState(jobId), jobs.getJobData(jobId), book.notesOf([jobId]), jobs.getState(jobId)]),
      );
      return { before, job, note, state };
    }
    // Each within its own deadline: where the way to the server is long, four of them take as long as a server may be silent.
    const before = await this.#server.call('read a run', () => jobs.getState(jobId));
    const job = await this.#server.call('read a run', () => jobs.getJobData(jobId));
    const [note] = await book.notesOf([jobId]);
    return { before, job, note, state: await this.#server.call('read a run', () => jobs.getState(jobId)) };
  }

  /** Reads none whose lane says that it is of another task. */
  #readIfWanted(page: readonly Placed[], { task }: RunFilter): Promise<readonly (FleetRun | undefined)[]> {
    const read = page.map(async ({ place }) =>
      task === undefined || readLaneName(place.lane).task === task ? this.#show(place) : undefined,
    );
    return Promise.all(read);
  }

  async #allOf(kind: RunKind): Promise<readonly Placed[]> {
    const all: Placed[] = [];
    for (let below = Number.MAX_SAFE_INTEGER; below > 0;) {
      const page = await this.#server.book.page(below, SCAN_LIMIT);
      all.push(...page.filter(({ place }) => readLaneName(place.lane).kind === kind));
      below = page.length < SCAN_LIMIT ? 0 : (page.at(-1)?.place.ordinal ?? 0);
    }
    return all;
  }
}

/** It is accepted, and its job is about to be added: by who has claimed it, or by others after some seconds. */
export function isUnadded({ job, note }: Sighting): boolean {
  return job === undefined && !note?.end;
}

/** It was cancelled while it waited, and the book does not say yet that it has ended. */
export function isHalfCancelled(seen: Sighting): seen is HalfCancelled {
  return (
    seen.run.status === 'cancelled' && !seen.note?.end && seen.job !== undefined && seen.job.finishedOn === undefined
  );
}

/** Whoever held it, or whoever has cancelled it, is about to say what counts: the cancel, or how the job has ended. */
function isUndecided({ run, job, note }: Sighting): boolean {
  return job?.finishedOn !== undefined && !!note?.cancel && note.end === null && run.status !== 'cancelled';
}

function ended(place: Address, { note, state, job }: Look, text: string): Sighting {
  // Its job is active while a handler of it is still at work.
  const later = { redrivenBy: note?.redrivenBy ?? null, active: state === 'active' };
  const run = readEnded(place, text, later);
  run.state.active &&= run.state.abandoned;
  return { run, job, state, note };
}

/** One more than the page holds, to know whether it is the last. */
function stepOf({ limit, status, task, tag, owner, deadLetters }: RunFilter): number {
  const filtered = status !== undefined || tag !== undefined || owner !== undefined || task !== undefined;
  return filtered || deadLetters ? Math.max(SCAN_STEP, limit + 1) : limit + 1;
}
