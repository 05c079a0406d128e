import type { Clock } from '../../../ports/clock.js';
import type { Claim } from '../book/book.js';
import type { RunOrigin } from '../runs/fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import type { FailedStarts } from './failed-starts.js';
import { addJob } from './new-job.js';

/** A claim that stands, and when it was asked for, by the monotonic clock. */
export type Standing = Claim & { readonly askedAt: number };

/** What {@link ClaimedJobs} works with. */
export interface ClaimedJobParts {
  readonly server: FleetServer;
  readonly clock: Clock;
  readonly failed: FailedStarts;
}

/** So long after its claim, a start looks whether that still stands, in ms: well before others take it. */
const SURE_MS = 5_000;
/** So long after its claim, a start leaves a job whose text is kept to the others, in ms: they are about to add it. */
const OTHERS_ADD_MS = 500;

/** Adds the jobs of claims, also where this process was held up since it claimed. */
export class ClaimedJobs {
  readonly #parts: ClaimedJobParts;

  constructor(parts: ClaimedJobParts) {
    this.#parts = parts;
  }

  /** @returns false where the run is not accepted: somebody has taken its id over. @throws {TaskError} BACKEND */
  async add(origin: RunOrigin, claim: Standing): Promise<boolean> {
    if (claim.job === null) return this.#addIfOurs(origin, claim);
    await this.#addSoon(origin, claim);
    return true;
  }

  /** It is accepted already: whoever keeps house adds the job where this fails, or where they may have done so by now. */
  async #addSoon(origin: RunOrigin, { askedAt }: Standing): Promise<void> {
    const { server } = this.#parts;
    // A run that has ended since would begin again.
    if (this.#age(askedAt) >= OTHERS_ADD_MS) return;
    const added = addJob(server, origin, origin.createdAt);
    await added.then(() => server.book.added(origin.jobId)).catch(() => undefined);
  }

  async #addIfOurs(origin: RunOrigin, claim: Standing): Promise<boolean> {
    const { server, failed } = this.#parts;
    try {
      if (!(await this.#stands(claim))) return false;
      await addJob(server, origin, origin.createdAt);
      return true;
    } catch (error) {
      failed.add(claim);
      throw error;
    }
  }

  async #stands({ id, place: { jobId }, askedAt }: Standing): Promise<boolean> {
    for (let seenAt = askedAt; this.#age(seenAt) >= SURE_MS;) {
      seenAt = this.#parts.clock.monotonic();
      const [place] = await this.#parts.server.book.placesOf([id]);
      if (place?.jobId !== jobId) return false;
    }
    return true;
  }

  #age(since: number): number {
    return this.#parts.clock.monotonic() - since;
  }
}
