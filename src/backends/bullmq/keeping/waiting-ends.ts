import type { BackendEnvironment } from '../../../ports/backend.js';
import type { TaskError } from '../../../task/errors.js';
import { MAX_FAILURES } from '../../../task/run.js';
import { describeError } from '../../../task/run-error.js';
import { bookedEnd } from '../book/booked-end.js';
import { FleetRun, type RunState } from '../runs/fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import { removeJob } from './remove-job.js';
import type { Sighting } from '../runs/run-reader.js';
import { type Teller, tellEnd } from '../runs/tell-end.js';
import { STEP, versionOf } from '../runs/run-version.js';

/** What {@link WaitingEnds} works with. */
export interface WaitingEndParts {
  readonly server: FleetServer;
  readonly environment: BackendEnvironment;
  readonly teller: Teller;
}

/**
 * Ends runs that nobody has taken: the book keeps how, and then the job goes. Whoever takes it meanwhile finds the end,
 * and only discards it.
 */
export class WaitingEnds {
  readonly #parts: WaitingEndParts;

  constructor(parts: WaitingEndParts) {
    this.#parts = parts;
  }

  /** Fails a run; a handler of an attempt that is over may still be at work. @returns false where it has ended otherwise. */
  fail({ run, job }: Sighting, cause: TaskError): Promise<boolean> {
    const at = this.#parts.environment.clock.now();
    const error = describeError(cause, run.state.attempt);
    const failures = Object.freeze([...run.state.failures.slice(1 - MAX_FAILURES), Object.freeze({ ...error, at })]);
    const version = versionOf(run.origin.versionBase, job?.attemptsStarted ?? 0, STEP.final);
    const times = { updatedAt: at, finishedAt: at };
    const state: RunState = {
      ...run.state,
      ...times,
      status: 'failed',
      version,
      error,
      cause,
      failures,
      active: false,
    };
    return this.end(new FleetRun(run.origin, state, () => run.input));
  }

  /**
   * Keeps an end, and tells of it.
   *
   * @param ended the run as it is to be; `active` where a handler of an attempt that is over is still at work.
   * @returns false where it has ended otherwise.
   */
  async end(ended: FleetRun): Promise<boolean> {
    const { server, environment, teller } = this.#parts;
    const kept = await server.book.end(bookedEnd(ended));
    if (kept) tellEnd(ended, { teller, observer: environment.observer });
    const { lane, jobId } = ended.origin;
    if (!ended.state.active) await this.clear(lane, jobId);
    return kept;
  }

  /** Lets the book keep a run that has ended long ago, in the place of its job. */
  async put(ended: FleetRun): Promise<void> {
    const { lane, jobId } = ended.origin;
    await this.#parts.server.book.end(bookedEnd(ended));
    await this.clear(lane, jobId);
  }

  /** The end of a run is kept: its job goes, unless somebody has just taken it, who will find out. */
  async clear(lane: string, jobId: string): Promise<void> {
    const { server } = this.#parts;
    if (await removeJob(server, { lane, jobId })) await server.book.letGo(lane, jobId);
  }
}
