import type { JobsOptions } from 'bullmq';
import { defineTask, type RunHandle, TaskManager } from 'errand';
import { bullmq } from 'errand/bullmq';
import { z } from 'zod';
import { BareFleet } from './fleet-bare.js';

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
  const queue = new BareFleet(url, prefix).queue('small');
  const add = (row: number) => queue.add('small', { row }, PEER_OPTIONS);
  const addMany = (count: number) =>
    queue.addBulk(Array.from({ length: count }, (_, row) => ({ name: 'small', data: { row }, opts: PEER_OPTIONS })));
  return { add, addMany };
}

/** Adds so many, 100 at a time under way. */
export async function addAll(adder: Adder, count: number): Promise<void> {
  let row = 0;
  const adding = async (): Promise<void> => {
    while (row < count) await adder.add((row += 1));
  };
  await Promise.all(Array.from({ length: 100 }, adding));
}

/** Prints what was measured; whoever started this process removes what it has left on the server. */
export function finish(measured: object): never {
  console.log(JSON.stringify(measured));
  process.exit();
}
