import Database from 'libsql';
import { defineTask, TaskManager } from 'errand';
import { sqlite } from 'errand/sqlite';
import { better, defineQueue, defineWorker } from 'plainjob';
import { z } from 'zod';
import { newPath } from './sqlite-file.js';

// node sqlite-jobs.js ours|peer <groups>
const [side, groups] = [process.argv[2], Number(process.argv[3])];
const GROUP = 100;

/** Takes in so many groups, each at once, and resolves when all have ended. */
type Round = (groups: number) => Promise<unknown>;

function ours(): Round {
  const task = defineTask({ name: 'small', input: z.object({ row: z.number() }), handler: (input) => input });
  const manager = new TaskManager({
    ...{ tasks: [task], backend: sqlite({ file: newPath(), durability: 'process' }), queueLimit: Infinity },
    retention: { maxFinished: Infinity },
  });
  return async (count) => {
    const settled: Promise<unknown>[] = [];
    for (let group = 0; group < count; group += 1) {
      const starts = Array.from({ length: GROUP }, (_, row) => manager.start(task, { row }));
      for (const run of await Promise.all(starts)) settled.push(run.settled());
    }
    return Promise.all(settled);
  };
}

/** On the same driver, which has the interface of the one that it is made for. */
function peer(): Round {
  const silent = { error: console.error, warn: ignore, info: ignore, debug: ignore };
  const queue = defineQueue({ connection: better(new Database(newPath())), logger: silent });
  return async (count) => {
    for (let group = 0; group < count; group += 1)
      queue.addMany(
        'small',
        Array.from({ length: GROUP }, (_, row) => ({ row })),
      );
    let left = count * GROUP;
    const worker = defineWorker('small', ignore, {
      ...{ queue, logger: silent },
      onCompleted: () => void ((left -= 1) === 0 && worker.stop()),
    });
    await worker.start();
  };
}

function ignore(): void {
  // neither the job nor the logger has anything to do
}

const round = side === 'ours' ? ours() : peer();
await round(groups);
const began = performance.now();
await round(groups);
console.log(JSON.stringify({ perSecond: (groups * GROUP * 1_000) / (performance.now() - began) }));
process.exit();
