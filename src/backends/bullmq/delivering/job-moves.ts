import { isDeepStrictEqual } from 'node:util';
import type { JobJson, MinimalJob } from 'bullmq';
import type { Clock } from '../../../ports/clock.js';
import { sleep } from '../../../timing/sleep.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { Delivery } from './delivery.js';
import type { FleetServer } from '../server/fleet-server.js';
import type { AttemptsState } from '../runs/fleet-run.js';
import { attemptsText, type KeptResult, resultMembers } from '../runs/run-texts.js';
import { answerCodeOf } from '../server/server-failures.js';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/** What became of a move. */
export interface Moved {
  /** False where the job is no longer locked by this delivery: it was moved by somebody else, or not at all. */
  readonly done: boolean;
  /** What BullMQ answered with where the next job was asked for. */
  readonly next: readonly unknown[] | undefined;
}

/** A move, and how one can tell later that it was made. */
interface Move {
  readonly what: string;
  /** @param first false where an answer was lost: a next job that came with it is lost, too, and no other is asked for. */
  readonly make: (first: boolean) => Promise<readonly unknown[] | undefined>;
  /** Whether the job says that it was made; undefined: it is gone. */
  readonly wasMade: (job: JobJson | undefined) => boolean;
}

/** What {@link JobMoves} works with. */
export interface MoveParts {
  readonly server: FleetServer;
  readonly clock: Clock;
}

/**
 * Moves jobs that this process has locked. BullMQ checks the lock of each, so that whoever has lost it moves nothing.
 *
 * A server that does not answer is asked again until it says what has become of the job: what a handler has done must
 * not be lost because the server was restarted.
 */
export class JobMoves {
  readonly #server: FleetServer;
  readonly #clock: Clock;
  readonly #closed = new AbortController();

  constructor({ server, clock }: MoveParts) {
    this.#server = server;
    this.#clock = clock;
  }

  /** What waits for the server is given up. */
  close(): void {
    this.#closed.abort();
  }

  /** The run's value is kept as the job's. */
  complete(delivery: Delivery, result: KeptResult, fetchNext: boolean): Promise<Moved> {
    const { lane, token } = delivery;
    const members = resultMembers(result);
    return this.#surely(delivery, {
      what: 'complete a run',
      make: async (first) => {
        const { jobs } = lane.queue;
        const fetch = fetchNext && first;
        const moved = await jobs.moveToCompleted(jobOf(delivery), members, KEEP, token, fetch);
        return fetch ? (moved.result ?? []) : undefined;
      },
      // PostgreSQL keeps the value, not the text.
      wasMade: (job) => isDeepStrictEqual(parsed(job?.returnvalue), members),
    });
  }

  /** The run has failed: its attempts say why. */
  fail(delivery: Delivery, attempts: AttemptsState, fetchNext: boolean): Promise<Moved> {
    const { lane, token } = delivery;
    const text = attemptsText(attempts);
    return this.#surely(delivery, {
      what: 'fail a run',
      make: async (first) => {
        const { jobs } = lane.queue;
        const fetch = fetchNext && first;
        const moved = await jobs.moveToFailed(jobOf(delivery), text, KEEP, token, fetch);
        return fetch ? (moved.result ?? []) : undefined;
      },
      wasMade: (job) => job?.failedReason === text,
    });
  }

  /** The run waits for its next attempt. @param delayMs from now. */
  delay(delivery: Delivery, attempts: AttemptsState, delayMs: number): Promise<Moved> {
    const { lane, jobId, token } = delivery;
    const text = attemptsText(attempts);
    const options = { skipAttempt: true, fieldsToUpdate: { failedReason: text } };
    return this.#surely(delivery, {
      what: 'let a run wait',
      make: async () => {
        await lane.queue.jobs.moveToDelayed(jobId, systemClock.now(), delayMs, token, options);
        return undefined;
      },
      wasMade: (job) => job?.failedReason === text,
    });
  }

  /** The run waits for a slot again: any process may have one. */
  async giveBack(delivery: Pick<Delivery, 'lane' | 'jobId' | 'token'>): Promise<Moved> {
    const { lane, jobId, token } = delivery;
    const moved = await this.#surely(delivery, {
      what: 'give a run back',
      make: async () => {
        await lane.queue.giveBack(jobId, token);
        return undefined;
      },
      wasMade: (job) => job !== undefined,
    });
    // BullMQ tells nobody of a job with a priority that came back.
    if (moved.done) lane.tellOthers();
    return moved;
  }

  /** The job goes: the book says how its run has ended. */
  discard(delivery: Delivery): Promise<Moved> {
    const { lane, token } = delivery;
    return this.#surely(delivery, {
      what: 'remove a job',
      make: async () => {
        await lane.queue.jobs.moveToCompleted(jobOf(delivery), null, true, token, false);
        return undefined;
      },
      wasMade: (job) => job === undefined,
    });
  }

  /** Asks until the server answers. @throws {TaskError} BACKEND when this process closes first. */
  async answered<T>(what: string, ask: () => Promise<T>): Promise<T> {
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      try {
        return await this.#server.call(what, ask);
      } catch (error) {
        if (answerCodeOf(error) !== undefined || this.#closed.signal.aborted) throw error;
        await sleep(waitMs, { clock: this.#clock, signal: this.#closed.signal }).catch(() => undefined);
      }
    }
  }

  /** Every move ends the job's time at work. */
  async #surely(delivery: Pick<Delivery, 'lane' | 'jobId'>, move: Move): Promise<Moved> {
    const moved = await this.#move(delivery, move);
    if (moved.done && moved.next === undefined) delivery.lane.slotFreed();
    return moved;
  }

  async #move(delivery: Pick<Delivery, 'lane' | 'jobId'>, { what, make, wasMade }: Move): Promise<Moved> {
    let tries = 0;
    try {
      const next = await this.answered(what, () => {
        tries += 1;
        return make(tries === 1);
      });
      return { done: true, next };
    } catch (error) {
      if (answerCodeOf(error) === undefined) throw error;
      // Where the answer to an earlier try was lost, it may have been that which has moved the job.
      const again = tries > 1 && wasMade(await this.#read(delivery));
      return { done: again, next: undefined };
    }
  }

  #read({ lane, jobId }: Pick<Delivery, 'lane' | 'jobId'>): Promise<JobJson | undefined> {
    return this.answered('read a job', () => lane.queue.jobs.getJobData(jobId));
  }
}

/** How long ended runs are kept is for us to say: BullMQ removes none. */
const KEEP = false;

/** What BullMQ's moves look at of a job: nothing else of the many members that the type asks for. */
function jobOf({ jobId, options }: Delivery): MinimalJob {
  return { id: jobId, opts: options } as unknown as MinimalJob;
}

/** Undefined where it is no JSON: then nothing of ours has written it. */
function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
