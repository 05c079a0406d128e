import type { Accepted, BackendEnvironment } from '../../../ports/backend.js';
import type { NewRun } from '../../../ports/new-run.js';
import { TaskError } from '../../../task/errors.js';
import { isWaiting } from '../../../task/status.js';
import { sleep } from '../../../timing/sleep.js';
import { keyNameOf } from '../../live/key-name.js';
import { idIsActive, keyIsReused, keysAreFull, queueIsFull } from '../../live/refusals.js';
import type { Claim, Claimed, KnownKey, Place } from '../book/book.js';
import type { FleetRun, RunOrigin } from '../runs/fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import { addClaimedJobs, claimedJobText, type NewOrigin } from './new-job.js';
import { ClaimedJobs, type Standing } from './claimed-jobs.js';
import type { FailedStarts } from './failed-starts.js';
import type { QueueLimit } from './queue-limit.js';
import { removeJob } from '../keeping/remove-job.js';
import type { RunReader, Sighting } from '../runs/run-reader.js';
import { baseAfter } from '../runs/run-version.js';

/** What becomes of a start whose id is active. */
export type IfActive = 'error' | 'return' | 'replace';

/** A start whose id, or key, may be somebody else's; with what else it claims. */
export interface Start {
  readonly run: NewRun;
  readonly ifActive: IfActive;
  readonly origin: NewOrigin;
  readonly schedule: Claim['schedule'];
  /** The job of the failed run that it redrives. */
  readonly redrives: string | null;
}

/** What {@link Claiming} works with. */
export interface ClaimingParts {
  readonly server: FleetServer;
  readonly environment: BackendEnvironment;
  readonly reader: RunReader;
  readonly limit: QueueLimit;
  readonly failed: FailedStarts;
  /** Where a run goes that is accepted now. */
  readonly newPlace: (origin: NewOrigin, idIsNew: boolean) => Place;
}

/** What became of a start: it was accepted, or an earlier run is its answer; undefined where its schedule has changed. */
export type Claimant = { readonly accepted: RunOrigin } | { readonly earlier: Accepted } | undefined;

/** What a start is to replace: an ended run, or a claim whose job was never added. */
interface Replaced {
  readonly jobId: string;
  readonly ordinal: number;
  readonly versionBase: number;
  readonly sighting: Sighting | undefined;
}

/** A place whose job was not added by then is nobody's, in ms. */
const PLACE_LASTS_MS = 10_000;
/** How long a start waits each time for another one that has claimed the same and not added its job yet, in ms. */
const WAIT_MS = 20;
const MOST_TRIES = 100;

/** Starts that claim something first: a caller's id, a key, a schedule's due time, a failed run. */
export class Claiming {
  readonly #parts: ClaimingParts;
  readonly #jobs: ClaimedJobs;

  constructor(parts: ClaimingParts) {
    this.#parts = parts;
    this.#jobs = new ClaimedJobs({ ...parts, clock: parts.environment.clock });
  }

  /** @throws {TaskError} RUN_CONFLICT, KEY_REUSED, QUEUE_FULL or BACKEND, as `Backend.accept`. */
  async claim(start: Start): Promise<Claimant> {
    let replaced: Replaced | undefined;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      if (await this.#parts.limit.isFull()) return { earlier: await this.#earlierWhereFull(start) };
      const claim = this.#claimOf(start, replaced);
      const askedAt = this.#parts.environment.clock.monotonic();
      const claimed = await this.#counted(claim);
      if (claimed.type === 'claimed') {
        const accepted = await this.#accept(start, { ...claim, askedAt }, { claimed, replaced });
        if (accepted !== undefined) return { accepted };
        replaced = undefined;
        continue;
      }
      if (claimed.type === 'other schedule') return undefined;
      const inTheWay = await this.#look(start, claimed);
      if ('earlier' in inTheWay) return inTheWay;
      ({ replaced } = inTheWay);
    }
    const { id } = start.run;
    throw new TaskError('RUN_CONFLICT', `Run ${id} is being started elsewhere; wait, or use another id`, {
      details: { runId: id, abandoned: false },
    });
  }

  async #counted(claim: Claim): Promise<Claimed> {
    const { limit, server } = this.#parts;
    limit.add();
    let claimed: Claimed | undefined;
    try {
      return (claimed = await server.book.claim(claim));
    } finally {
      if (claimed?.type !== 'claimed') limit.takeBack();
    }
  }

  #claimOf({ run, origin, schedule, redrives }: Start, replaced: Replaced | undefined): Claim {
    const { clock, retention } = this.#parts.environment;
    const made = this.#parts.newPlace(origin, run.idIsNew);
    const place = {
      ...made,
      ordinal: Math.max(made.ordinal, (replaced?.ordinal ?? 0) + 1),
      versionBase: replaced?.versionBase ?? 0,
    };
    const { idempotency, owner } = run;
    const { keepKeyMs: keepMs, maxKeys } = retention;
    const key = idempotency && {
      ...{ name: keyNameOf(owner, idempotency.key), fingerprint: idempotency.fingerprint },
      ...{ at: clock.now(), keepMs, maxKeys },
    };
    // Nothing but the claim says then that the schedule has moved on, or that the failed run has a successor.
    const job = schedule === null && redrives === null ? null : claimedJobText({ ...origin, ...addressOf(place) });
    const { expiresAt, parent } = origin;
    return { id: run.id, place, replaces: replaced?.jobId ?? null, key, job, schedule, redrives, expiresAt, parent };
  }

  /** @returns undefined where somebody has taken the id over. */
  async #accept(
    { origin }: Start,
    claim: Standing,
    { claimed, replaced }: { claimed: Claimed & { type: 'claimed' }; replaced: Replaced | undefined },
  ): Promise<RunOrigin | undefined> {
    // A text that was kept cannot be changed any more.
    const place = claim.job === null ? claimed.place : claim.place;
    const accepted = { ...origin, ...addressOf(place) };
    const isAccepted = await this.#jobs.add(accepted, { ...claim, place });
    if (replaced?.sighting) await this.#removeOld(replaced.sighting);
    if (isAccepted) return accepted;
    this.#parts.limit.takeBack();
    return undefined;
  }

  /** The record that was replaced is gone from the book; where its job stays, retention finds it. */
  async #removeOld({ run, job, note }: Sighting): Promise<void> {
    const { server, environment } = this.#parts;
    const { lane, jobId } = run.origin;
    environment.observer.forgotten(run);
    try {
      if (job !== undefined) await removeJob(server, { lane, jobId });
      if (note?.end) await server.book.letGo(lane, jobId);
    } catch {
      // As above.
    }
  }

  /** What stands in the way: an earlier run that is the answer, or one that may be replaced; or it is to be tried again. */
  async #look(
    start: Start,
    claimed: Exclude<Claimed, { type: 'claimed' | 'other schedule' }>,
  ): Promise<{ readonly earlier: Accepted } | { readonly replaced: Replaced | undefined }> {
    if (claimed.type === 'no room for keys') throw keysAreFull(this.#parts.environment.retention.maxKeys);
    if (claimed.type === 'redriven') throw redrivenElsewhere(start, claimed.by);
    if (claimed.type === 'id taken') return this.#lookById(start, claimed.place);
    const earlier = await this.#lookByKey(start, claimed);
    return earlier === undefined ? { replaced: undefined } : { earlier };
  }

  /** @returns undefined where the key stands for nothing any more, or not yet: come again. */
  async #lookByKey({ run, origin }: Start, known: KnownKey): Promise<Accepted | undefined> {
    const { server, reader } = this.#parts;
    if (run.idempotency === null) return undefined;
    const earlier = await reader.find(known.id);
    const isOver = earlier === undefined ? await this.#isNobodys(known.id) : known.expired && !earlier.state.active;
    if (isOver) await server.book.dropKey(keyNameOf(origin.owner, run.idempotency.key), known.id);
    if (isOver) return undefined;
    if (known.fingerprint !== run.idempotency.fingerprint) throw keyIsReused(known);
    if (earlier !== undefined) return { run: earlier, replayed: true };
    await this.#wait();
    return undefined;
  }

  async #lookById(
    start: Start,
    place: Place,
  ): Promise<{ readonly earlier: Accepted } | { readonly replaced: Replaced | undefined }> {
    const sighting = await this.#parts.reader.see(place);
    const { jobId, ordinal } = place;
    if (sighting === undefined) {
      if (!(await this.#isNobodys(start.run.id))) await this.#wait();
      else return { replaced: { jobId, ordinal, versionBase: baseAfter(place.versionBase), sighting } };
      return { replaced: undefined };
    }
    const { run } = sighting;
    const versionBase = baseAfter(run.state.version);
    if (isAnswer(start, run)) return { earlier: activeRun(start, run) };
    return { replaced: { jobId, ordinal, versionBase, sighting } };
  }

  /** As many runs wait as may: only an earlier run can be the answer. */
  async #earlierWhereFull(start: Start): Promise<Accepted> {
    const { server, reader, environment } = this.#parts;
    const { run, ifActive } = start;
    const known =
      run.idempotency && (await server.book.keyOf(keyNameOf(run.owner, run.idempotency.key), environment.clock.now()));
    const byKey = known ? await this.#lookByKey(start, known) : undefined;
    if (byKey !== undefined) return byKey;
    const namesake = run.idIsNew ? undefined : await reader.find(run.id);
    const makesRoom = namesake !== undefined && isWaiting(namesake.status);
    if (namesake && isAnswer(start, namesake) && (ifActive !== 'replace' || makesRoom))
      return activeRun(start, namesake);
    throw queueIsFull(environment.queueLimit);
  }

  /** Whether a claim without a job was left by a process that has died. */
  async #isNobodys(id: string): Promise<boolean> {
    const { server, environment } = this.#parts;
    const [place] = await server.book.placesOf([id]);
    if (place === undefined) return true;
    const now = environment.clock.now();
    if (place.since > now - PLACE_LASTS_MS) return false;
    // It may have kept the text of the job: then it is accepted.
    await addClaimedJobs(server, await server.book.unadded(now, 1_000), now);
    return (await this.#parts.reader.see(place)) === undefined;
  }

  #wait(): Promise<void> {
    return sleep(WAIT_MS);
  }
}

/** What a run's place says of the run itself. */
function addressOf({ jobId, ordinal, versionBase }: Place): Pick<RunOrigin, 'jobId' | 'ordinal' | 'versionBase'> {
  return { jobId, ordinal, versionBase };
}

/** Whether this run keeps its id: a due time has one run, also when that has ended. */
function isAnswer({ schedule }: Start, { state }: FleetRun): boolean {
  return state.active || schedule !== null;
}

/** The answer to a start whose id is kept. @throws {TaskError} RUN_CONFLICT unless that run is to be the answer. */
function activeRun({ ifActive }: Start, run: FleetRun): Accepted {
  if (ifActive === 'return') return { run, replayed: true };
  throw idIsActive(run);
}

/** RUN_CONFLICT: somebody else was faster. */
function redrivenElsewhere({ run }: Start, redrivenBy: string): TaskError {
  const message = `Run ${run.redriveOf ?? ''} was redriven before, as ${redrivenBy}`;
  return new TaskError('RUN_CONFLICT', message, { details: { redrivenBy } });
}
