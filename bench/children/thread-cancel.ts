import { defineTask, TaskManager } from 'errand';
import { threadModule, threads } from 'errand/thread';
import type * as endlessModule from './thread-endless.js';

// node thread-cancel.js <cancels>
const cancels = Number(process.argv[2]);
const GRACE_MS = 100;

const module = threadModule<typeof endlessModule>(new URL('./thread-endless.js', import.meta.url));
const task = defineTask({ name: 'endless', executor: 'thread', module });
const manager = new TaskManager({ tasks: [task], graceMs: GRACE_MS, executors: [threads({ maxThreads: 1 })] });

/** Milliseconds from the end of the grace to the end of the run, whose thread has ended then. */
async function cancelOne(): Promise<number> {
  const run = await manager.start(task, 0);
  for await (const { type } of run.events()) if (type === 'run:progress') break;
  const cancelledAt = performance.now();
  await run.cancel();
  const { status, abandoned } = await run.settled();
  if (status !== 'cancelled' || abandoned) throw new Error('the thread was not ended');
  return performance.now() - cancelledAt - GRACE_MS;
}

await cancelOne();
const tookMs: number[] = [];
while (tookMs.length < cancels) tookMs.push(await cancelOne());
tookMs.sort((a, b) => a - b);
console.log(JSON.stringify({ milliseconds: tookMs[Math.ceil(cancels * 0.99) - 1] }));
await manager.close();
