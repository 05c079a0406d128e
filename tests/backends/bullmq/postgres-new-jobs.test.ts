import { afterEach, describe, expect, it } from '@jest/globals';
import type { IQueueBackend, JobJson } from 'bullmq';
import { checkBullmqOptions } from '../../../src/backends/bullmq/bullmq-options.js';
import { PostgresNewJobs } from '../../../src/backends/bullmq/postgres/postgres-new-jobs.js';
import { PostgresServer } from '../../../src/backends/bullmq/postgres/postgres-server.js';
import { newPrefix, postgresGround } from './fleet-ground.js';

const postgres = await postgresGround();
const LANE = 'default|run|import-products|';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function realJobs(): Promise<IQueueBackend> {
  const prefix = newPrefix();
  undo.push(() => postgres.remove(prefix));
  const settings = checkBullmqOptions({ connection: postgres.url, prefix });
  const server = new PostgresServer({ settings, logger: undefined });
  undo.push(() => server.close());
  await server.open();
  return server.queue(LANE).jobs;
}

function jobOf(id: string, data = '{}'): JobJson {
  const job: Partial<JobJson> = { id, name: 'import-products', data, opts: {}, priority: 7, timestamp: Date.now() };
  return job as JobJson;
}

/** Passes everything on, and keeps how many jobs each statement has added. */
class Statements {
  readonly sizes: number[] = [];
  readonly #jobs: Pick<IQueueBackend, 'addJob' | 'addJobs'>;

  constructor(jobs: Pick<IQueueBackend, 'addJob' | 'addJobs'>) {
    this.#jobs = jobs;
  }

  addJob(job: JobJson, jobId: string): Promise<string> {
    this.sizes.push(1);
    return this.#jobs.addJob(job, jobId);
  }

  addJobs(entries: Parameters<IQueueBackend['addJobs']>[0]): Promise<string[]> {
    this.sizes.push(entries.length);
    return this.#jobs.addJobs(entries);
  }
}

const addAll = (newJobs: PostgresNewJobs, count: number): Promise<void>[] =>
  Array.from({ length: count }, (_, n) => newJobs.add(jobOf(`j${n}`), `j${n}`));

postgres.describe('jobs that are added on PostgreSQL', () => {
  it('share a statement where they come in one turn, and are given out in their order', async () => {
    const jobs = await realJobs();
    const statements = new Statements(jobs);
    await Promise.all(addAll(new PostgresNewJobs(statements), 20));
    expect(statements.sizes).toEqual([20]);
    for (let n = 0; n < 20; n += 1) expect((await jobs.moveToActive(`token${n}`))[1]).toBe(`j${n}`);
  });

  it('fail alone where the server refuses one of them', async () => {
    const jobs = await realJobs();
    const newJobs = new PostgresNewJobs(jobs);
    const refused = newJobs.add(jobOf('refused', 'no JSON'), 'refused');
    const settled = await Promise.allSettled([...addAll(newJobs, 5), refused]);
    expect(settled.map(({ status }) => status)).toEqual([...Array<string>(5).fill('fulfilled'), 'rejected']);
    expect(await jobs.getCounts(['prioritized'])).toEqual([5]);
  });

  it('stay as they are where they are there already', async () => {
    const jobs = await realJobs();
    await jobs.addJob(jobOf('j1', '{"first":true}'), 'j1');
    await Promise.all(addAll(new PostgresNewJobs(jobs), 5));
    expect((await jobs.getJobData('j1'))?.data).toBe('{"first":true}');
    expect(await jobs.getCounts(['prioritized'])).toEqual([5]);
  });
});

describe('jobs that wait to be added on PostgreSQL', () => {
  /** A server whose answers the test gives: to the first statements that it has not answered. */
  class Silent {
    readonly #answers: { answer: (ids: string[]) => void; fail: (error: Error) => void }[] = [];
    readonly jobs = new Statements({
      addJob: () => this.#asked().then(() => ''),
      addJobs: () => this.#asked(),
    });

    answer(): void {
      this.#answers.shift()?.answer([]);
    }

    fall(): void {
      this.#answers.shift()?.fail(new Error('Query read timeout'));
    }

    #asked(): Promise<string[]> {
      return new Promise((answer, fail) => this.#answers.push({ answer, fail }));
    }
  }

  /** Four turns with eight jobs each, which keep all statements busy. */
  async function busy(newJobs: PostgresNewJobs): Promise<Promise<void>[]> {
    const added: Promise<void>[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      added.push(...addAll(newJobs, 8));
      await Promise.resolve();
    }
    return added;
  }

  it('share the next statement, whatever they came for', async () => {
    const silent = new Silent();
    const newJobs = new PostgresNewJobs(silent.jobs);
    const first = await busy(newJobs);
    void addAll(newJobs, 3);
    await Promise.resolve();
    void addAll(newJobs, 5);
    silent.answer();
    await Promise.all(first.slice(0, 8));
    await new Promise(setImmediate);
    expect(silent.jobs.sizes).toEqual([8, 8, 8, 8, 8]);
  });

  it('are not tried where the server has not answered to those before', async () => {
    const silent = new Silent();
    const newJobs = new PostgresNewJobs(silent.jobs);
    const first = await busy(newJobs);
    const waiting = addAll(newJobs, 5);
    silent.fall();
    const settled = await Promise.allSettled([...first.slice(0, 8), ...waiting]);
    expect(settled.map(({ status }) => status)).toEqual(Array<string>(13).fill('rejected'));
    expect(silent.jobs.sizes).toEqual([8, 8, 8, 8]);
  });

  it('are no more in a statement than it can take', async () => {
    const silent = new Silent();
    const newJobs = new PostgresNewJobs(silent.jobs);
    void addAll(newJobs, 1_100);
    const long = 'x'.repeat(3_000_000);
    for (const id of ['a', 'b']) newJobs.add(jobOf(id, long), id).catch(() => undefined);
    await new Promise(setImmediate);
    expect(silent.jobs.sizes).toEqual([500, 500, 101, 1]);
  });
});
