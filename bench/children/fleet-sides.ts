import { type JobsOptions, Queue } from 'bullmq';
import { defineTask, type RunHandle, TaskManager } from 'errand';
import { bullmq } from 'errand/bullmq';
import { Redis } from 'ioredis';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { removeKeys } from '../../tests/servers/redis-client.js';

/** Keys that are nobody else's. */
export const newPrefix = (): string => `bench${randomBytes(6).toString('hex')}`;

const DAY_S = 86_400;
/** What our runs have: a priority, and as long as our retention a record of how they ended. */
export const PEER_OPTIONS: JobsOptions = {
  priority: 1_048_576,
  removeOnComplete: { age: 3_600, count: 10_000 },
  removeOnFail: { age: 7 * DAY_S },
};

/** Runs or jobs that take `{ row }` and do nothing; each group is taken in one turn of the event loop. */
export interface Adder {
  add(row: number): Promise<unknown>;
  addMany(count: number): Promise<unknown>;
}

/** Ours, that works when `concurrency` is given. */
export function ourManager(url: string, prefix: string, work?: { readonly slots: number; readonly begun: () => void }) {
  const task = defineTask({
    ...{ name: 'small', input: z.object({ row: z.number() }) },
    handler: () => work?.begun(),
  });
  const manager = new TaskManager({
    ...{ tasks: [task], backend: bullmq({ connection: url, prefix }), concurrency: work?.slots ?? 1 },
    ...{ work: work !== undefined, queueLimit: Infinity },
  });
  const add = (row: number): Promise<RunHandle<void>> => manager.start(task, { row });
  const addMany = (count: number) => Promise.all(Array.from({ length: count }, (_, row) => add(row)));
  return { manager, add, addMany };
}

/** Theirs. */
export function peerQueue(url: string, prefix: string) {
  const queue = new Queue('small', { connection: connectionTo(url), prefix });
  const add = (row: number) => queue.add('small', { row }, PEER_OPTIONS);
  const addMany = (count: number) =>
    queue.addBulk(Array.from({ length: count }, (_, row) => ({ name: 'small', data: { row }, opts: PEER_OPTIONS })));
  return { queue, add, addMany };
}

/** As BullMQ wants it for its workers. */
export function connectionTo(url: string): Redis {
  return new Redis(url, { maxRetriesPerRequest: null });
}

/** Adds so many, 100 at a time under way. */
export async function addAll(adder: Adder, count: number): Promise<void> {
  let row = 0;
  const adding = async (): Promise<void> => {
    while (row < count) await adder.add((row += 1));
  };
  await Promise.all(Array.from({ length: 100 }, adding));
}

/** Prints what was measured, and leaves nothing behind. */
export async function finish(url: string, prefix: string, measured: object): Promise<never> {
  await removeKeys(url, prefix);
  console.log(JSON.stringify(measured));
  process.exit();
}
