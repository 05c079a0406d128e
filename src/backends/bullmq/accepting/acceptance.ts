import type { Accepted } from '../../../ports/backend.js';
import type { NewRun } from '../../../ports/new-run.js';
import type { StoredSchedule } from '../../../ports/schedules.js';
import type { RunChange } from '../../../task/run-event.js';
import { isClosed, refuseRedrive } from '../../live/refusals.js';
import type { Place } from '../book/book.js';
import { Claiming, type ClaimingParts, type IfActive, type Start } from './claiming.js';
import type { FleetRun, RunOrigin } from '../runs/fleet-run.js';
import { jobIdOf } from '../runs/job-id.js';
import { addJob, freshRun, type NewOrigin, newOrigin } from './new-job.js';

/** What {@link Acceptance} works with. */
export interface AcceptanceParts extends Omit<ClaimingParts, 'newPlace'> {
  /** Makes a lane known to the fleet before its first job is added; undefined where it is known already. */
  readonly useLane: (lane: string) => Promise<void> | undefined;
  readonly tell: (run: FleetRun, change: RunChange) => void;
}

/**
 * Ordinals of one millisecond: runs of different processes are as well in order as the clocks of these are. They are safe
 * integers until 2039.
 */
const ORDINALS_PER_MS = 4_096;

/** Takes runs in: resolves when the server has them. */
export class Acceptance {
  readonly #parts: AcceptanceParts;
  readonly #claiming: Claiming;
  #ordinal = 0;
  #closed = false;

  constructor(parts: AcceptanceParts) {
    this.#parts = parts;
    const newPlace = (origin: NewOrigin, idIsNew: boolean) => this.#newPlace(origin, idIsNew);
    this.#claiming = new Claiming({ ...parts, newPlace });
  }

  /** Takes no more. */
  close(): void {
    this.#closed = true;
  }

  async accept(run: NewRun, ifActive: IfActive): Promise<Accepted> {
    this.#refuseIfClosed();
    if (run.idIsNew && run.idempotency === null) return { run: await this.#place(run), replayed: false };
    const origin = await this.#originOf(run);
    return certain(await this.#claim({ run, ifActive, origin, schedule: null, redrives: null }));
  }

  async redrive(failed: FleetRun, run: NewRun): Promise<Accepted> {
    this.#refuseIfClosed();
    const old = (await this.#parts.reader.see(failed.origin))?.run ?? failed;
    refuseRedrive(old, old.redrivenBy);
    const { jobId: redrives } = old.origin;
    const origin = await this.#originOf(run);
    const accepted = certain(await this.#claim({ run, ifActive: 'error', origin, schedule: null, redrives }));
    if (accepted.replayed) return accepted;
    failed.state.redrivenBy = run.id;
    failed.state.version = old.state.version + 1;
    return accepted;
  }

  /** @returns undefined where another version of the schedule is kept. */
  async acceptDue(run: NewRun, next: StoredSchedule, expectedVersion: number): Promise<Accepted | undefined> {
    this.#refuseIfClosed();
    const origin = await this.#originOf(run);
    const schedule = { next, expectedVersion };
    const accepted = await this.#claim({ run, ifActive: 'return', origin, schedule, redrives: null });
    if (accepted?.replayed !== true) return accepted;
    return (await this.#parts.server.book.saveSchedule(next, expectedVersion)) ? accepted : undefined;
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw isClosed();
  }

  /** A run with an id that is nobody else's: its place and its job are sent together. */
  async #place(run: NewRun): Promise<FleetRun> {
    const { server, limit, failed } = this.#parts;
    const made = newOrigin(run, server.processId, this.#parts.environment.clock.now());
    const learning = this.#parts.useLane(made.lane);
    if (learning !== undefined) await learning;
    if (!limit.hasRoom) await limit.refuseIfFull();
    const place = this.#newPlace(made, true);
    const { jobId, ordinal, versionBase } = place;
    // A copy of so many members would cost as much as writing them as JSON.
    const origin = Object.assign(made, { jobId, ordinal, versionBase });
    limit.add();
    try {
      // In this order: a job is never without a place.
      const placed = server.book.place({ id: run.id, place }, origin.expiresAt, origin.parent);
      // Redis does what one connection sends in its order; PostgreSQL has several.
      if (server.name === 'postgres') await placed;
      await Promise.all([placed, addJob(server, origin, made.createdAt)]);
    } catch (error) {
      limit.takeBack();
      failed.add({ id: run.id, place, key: null, redrives: null });
      throw error;
    }
    return this.#begin(origin);
  }

  async #claim(start: Start): Promise<Accepted | undefined> {
    const claimant = await this.#claiming.claim(start);
    if (claimant === undefined) return undefined;
    if ('earlier' in claimant) return claimant.earlier;
    return { run: this.#begin(claimant.accepted), replayed: false };
  }

  async #originOf(run: NewRun): Promise<NewOrigin> {
    const { server, environment, useLane } = this.#parts;
    const origin = newOrigin(run, server.processId, environment.clock.now());
    await useLane(origin.lane);
    return origin;
  }

  #begin(origin: RunOrigin): FleetRun {
    const run = freshRun(origin);
    const { dueAt } = origin;
    this.#parts.tell(run, dueAt === null ? { type: 'run:queued' } : { type: 'run:scheduled', dueAt });
    return run;
  }

  #newPlace({ id, lane }: NewOrigin, idIsNew: boolean): Place {
    const now = this.#parts.environment.clock.now();
    // Processes that accept in the same millisecond should not all begin with the same.
    const first = Math.floor(now) * ORDINALS_PER_MS + Math.floor((Math.random() * ORDINALS_PER_MS) / 2);
    this.#ordinal = Math.max(this.#ordinal + 1, first);
    return { jobId: jobIdOf({ id, idIsNew }, now), lane, ordinal: this.#ordinal, versionBase: 0, since: now };
  }
}

/** Only a schedule that has changed makes a start come to nothing. */
function certain(accepted: Accepted | undefined): Accepted {
  if (accepted === undefined) throw new Error('a start without a schedule was refused for its schedule');
  return accepted;
}
