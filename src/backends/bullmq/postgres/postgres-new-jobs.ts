import type { IQueueBackend, JobJson } from 'bullmq';
import { isUnanswered } from './postgres-waits.js';

/** A job that waits to be written. */
interface NewJob {
  readonly job: JobJson;
  readonly jobId: string;
  readonly added: () => void;
  readonly failed: (error: unknown) => void;
}

/** How many statements of one lane add jobs at once. */
const MOST_WRITES = 4;
/** The most jobs in one statement, and how long their texts are together, in characters; one may be longer. */
const MOST_AT_ONCE = 500;
const MOST_CHARACTERS = 4_000_000;
/** Fewer are added each by itself: what BullMQ does for many at once costs as much as a few. */
const FEW = 4;

/**
 * Adds jobs to a lane. Those of one turn, and what comes while others are written, share a statement and its commit: each
 * by itself, a thousand that are started in one turn would take longer than a call may.
 */
export class PostgresNewJobs {
  readonly #jobs: Pick<IQueueBackend, 'addJob' | 'addJobs'>;
  #waiting: NewJob[] = [];
  #writes = 0;

  constructor(jobs: Pick<IQueueBackend, 'addJob' | 'addJobs'>) {
    this.#jobs = jobs;
  }

  add(job: JobJson, jobId: string): Promise<void> {
    return new Promise((added, failed) => {
      this.#waiting.push({ job, jobId, added, failed });
      if (this.#waiting.length === 1) queueMicrotask(() => this.#writeAll());
    });
  }

  #writeAll(): void {
    while (this.#waiting.length > 0 && this.#writes < MOST_WRITES) {
      this.#writes += 1;
      void this.#write(this.#nextBatch()).finally(() => {
        this.#writes -= 1;
        this.#writeAll();
      });
    }
  }

  #nextBatch(): readonly NewJob[] {
    let characters = 0;
    const tooMany = this.#waiting.findIndex(({ job }, at) => {
      characters += job.data.length;
      return at === MOST_AT_ONCE || (at > 0 && characters > MOST_CHARACTERS);
    });
    return this.#waiting.splice(0, tooMany < 0 ? this.#waiting.length : tooMany);
  }

  /** Never rejects. */
  async #write(batch: readonly NewJob[]): Promise<void> {
    if (batch.length < FEW) return this.#writeSingly(batch);
    try {
      await this.#jobs.addJobs(batch.map(({ job, jobId }) => ({ job, jobId, parentKeyOpts: {} })));
      for (const { added } of batch) added();
    } catch (error) {
      // One that is refused is not to take the others with it: all were undone together.
      if (!isUnanswered(error)) return this.#writeSingly(batch);
      this.#giveUp(batch, error);
    }
  }

  async #writeSingly(batch: readonly NewJob[]): Promise<void> {
    await Promise.all(
      batch.map(async (one) => {
        try {
          await this.#jobs.addJob(one.job, one.jobId);
          one.added();
        } catch (error) {
          if (isUnanswered(error)) this.#giveUp([one], error);
          else one.failed(error);
        }
      }),
    );
  }

  /** The server is not there: whoever waits for his turn would wait for as long again, and no longer than a call may. */
  #giveUp(batch: readonly NewJob[], error: unknown): void {
    for (const { failed } of [...batch, ...this.#waiting.splice(0)]) failed(error);
  }
}
