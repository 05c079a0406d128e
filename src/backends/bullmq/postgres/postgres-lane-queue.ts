import type { IQueueBackend, JobJson } from 'bullmq';
import { onAbort } from '../../../timing/on-abort.js';
import { systemClock } from '../../../timing/system-clock.js';
import type { LaneQueue } from '../server/fleet-server.js';
import { PostgresNewJobs } from './postgres-new-jobs.js';

/** How long it waits at a time, in ms: what a lost notification can hide. */
const ASK_MS = 10_000;
/** How long it waits before it asks a server again that did not answer, in ms. */
const RETRY_MS = 500;

/** What a lane's queue on PostgreSQL is made of. */
export interface PostgresLaneParts {
  readonly jobs: IQueueBackend;
  /** Makes one for a single wait: it has no past, and can be left alone. All share one connection that is notified. */
  readonly makeWaiter: () => IQueueBackend;
  /** As `LaneQueue.remove`. */
  readonly remove: (jobId: string) => Promise<boolean>;
  /** As `LaneQueue.giveBack`. */
  readonly giveBack: (jobId: string, token: string) => Promise<void>;
  /** As `LaneQueue.drop`. */
  readonly drop: () => Promise<void>;
  /** Told that a wait could not begin, so that the connection it was to use is made anew. Must not throw. */
  readonly onSilence: () => void;
}

/** A lane on PostgreSQL, which notifies those that wait. */
export class PostgresLaneQueue implements LaneQueue {
  readonly jobs: IQueueBackend;
  readonly #parts: PostgresLaneParts;
  readonly #newJobs: PostgresNewJobs;
  /** Ends the wait that is under way. */
  #end: ((lost: boolean) => void) | undefined;
  #closed = false;

  constructor(parts: PostgresLaneParts) {
    this.jobs = parts.jobs;
    this.#parts = parts;
    this.#newJobs = new PostgresNewJobs(parts.jobs);
  }

  add(job: JobJson, jobId: string): Promise<void> {
    return this.#newJobs.add(job, jobId);
  }

  remove(jobId: string): Promise<boolean> {
    return this.#parts.remove(jobId);
  }

  giveBack(jobId: string, token: string): Promise<void> {
    return this.#parts.giveBack(jobId, token);
  }

  async waitForJob(untilMs: number, signal: AbortSignal): Promise<void> {
    const leftMs = Math.min(untilMs - systemClock.now(), ASK_MS);
    if (signal.aborted || leftMs <= 0) return;
    const lost = this.#closed || (await this.#wait(leftMs, signal));
    if (lost) await pause(Math.min(leftMs, RETRY_MS), signal);
  }

  rest(): Promise<void> {
    this.#end?.(false);
    return Promise.resolve();
  }

  drop(): Promise<void> {
    return this.#parts.drop();
  }

  /** The connection that is notified was lost: whoever waits looks again. */
  interrupt(): void {
    this.#end?.(true);
  }

  /** Nothing is asked of the server from now on. */
  close(): void {
    this.#closed = true;
    this.#end?.(false);
  }

  /** @returns whether the server did not answer. */
  #wait(leftMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter = this.#parts.makeWaiter();
      let forget = (): void => undefined;
      const end = (lost: boolean): void => {
        forget();
        if (this.#end === end) this.#end = undefined;
        void waiter.disconnectBlocking();
        resolve(lost);
      };
      this.#end?.(false);
      this.#end = end;
      forget = onAbort(signal, () => end(false));
      waiter.waitForJob(leftMs / 1_000).then(
        () => end(false),
        () => {
          if (this.#end === end) this.#parts.onSilence();
          end(true);
        },
      );
    });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = systemClock.after(ms, () => {
      forget();
      resolve();
    });
    const forget = onAbort(signal, () => {
      timer.cancel();
      resolve();
    });
  });
}
