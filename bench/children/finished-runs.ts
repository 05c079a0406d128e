import { defineTask, TaskManager } from 'errand';
import { z } from 'zod';

// node finished-runs.js <n>
const n = Number(process.argv[2]);

const task = defineTask({ name: 'small', input: z.number(), handler: (row) => ({ row }) });
const manager = new TaskManager({ tasks: [task], retention: { maxFinished: Infinity } });

/** One after another, as over a long time; nobody holds a handle. */
async function finish(count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) await (await manager.start(task, at)).settled();
}

function used(): number {
  for (let at = 0; at < 3; at += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

await finish(10_000);
const before = used();
await finish(n);
const bytes = (used() - before) / n;
if ((await manager.counts()).total.completed !== n + 10_000) throw new Error('not all runs were kept');
console.log(JSON.stringify({ bytes }));
process.exit();
