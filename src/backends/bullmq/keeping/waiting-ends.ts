import type { BackendEnvironment } from '../../../ports/backend.js';
import type { TaskError } from '../../../task/errors.js';
import { MAX_FAILURES } from '../../../task/run.js';
import { describeError } from '../../../task/run-error.js';
import type { RunChange } from '../../../task/run-event.js';
import { isFinal } from '../../../task/status.js';
import { keyNameOf } from '../../live/key-name.js';
import { checkpointText } from '../../live/stored-values.js';
import { endedText } from '../book/ended-text.js';
import { FleetRun, type RunState } from '../runs/fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import { removeJob } from './remove-job.js';
import type { Sighting } from '../runs/run-reader.js';
import { STEP, versionOf } from '../runs/run-version.js';

/** What is told of runs, to this process and to the others. */
export interface Teller {
  tell(run: FleetRun, change: RunChange): void;
  /** It has its final status; where it is not `active`, no handler of it is at work, either. */
  ended(run: FleetRun): void;
}

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
    const kept = await this.#book(ended);
    if (kept) this.#announce(ended);
    const { lane, jobId } = ended.origin;
    if (!ended.state.active) await this.clear(lane, jobId);
    return kept;
  }

  /** Lets the book keep a run that has ended long ago, in the place of its job. */
  async put(ended: FleetRun): Promise<void> {
    const { lane, jobId } = ended.origin;
    await this.#book(ended);
    await this.clear(lane, jobId);
  }

  #book(ended: FleetRun): Promise<boolean> {
    const { origin, state } = ended;
    const { lane, jobId, id } = origin;
    const { status, updatedAt: finishedAt, active: held } = state;
    if (!isFinal(status)) throw new Error(`run ${id} is ${status}: that is no end`);
    const { book } = this.#parts.server;
    const keyName = origin.idempotencyKey === null ? null : keyNameOf(origin.owner, origin.idempotencyKey);
    const text = endedText(ended, state.checkpoint === null ? null : checkpointText(state.checkpoint));
    return book.end({ jobId, id, lane, status, finishedAt, keyName, held, text });
  }

  /** The end of a run is kept: its job goes, unless somebody has just taken it, who will find out. */
  async clear(lane: string, jobId: string): Promise<void> {
    const { server } = this.#parts;
    if (await removeJob(server, { lane, jobId })) await server.book.letGo(lane, jobId);
  }

  #announce(ended: FleetRun): void {
    const { teller, environment } = this.#parts;
    teller.tell(ended, lastChange(ended));
    environment.observer.settled(ended);
    teller.ended(ended);
  }
}

function lastChange({ state }: FleetRun): RunChange {
  const { abandoned, cancel, error } = state;
  if (state.status !== 'failed' || error === null)
    return { type: 'run:cancelled', reason: cancel?.reason ?? null, abandoned };
  return { type: 'run:failed', error, abandoned };
}
