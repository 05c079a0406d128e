import { chain, defineTask, TaskManager, type TaskContext } from 'errand';
import { z } from 'zod';

// node chains.js ours|peer <chains>
const [side, count] = [process.argv[2], Number(process.argv[3])];

const increment = (at: number): number => at + 1;
const part = defineTask({ name: 'part', input: z.number(), handler: increment });
const five = chain(part, part, part, part, part);

/** The ten handlers called by hand, one after the other, with the progress that a chain tells. */
async function byHand(first: number, ctx: TaskContext): Promise<number> {
  let value = first;
  for (let done = 1; done <= 10; done += 1) {
    value = await Promise.resolve(increment(value));
    ctx.progress(done, 10);
  }
  return value;
}

const task = side === 'ours' ? chain(five, five) : defineTask({ name: 'by-hand', input: z.number(), handler: byHand });
const manager = new TaskManager({ tasks: [task], queueLimit: Infinity });

async function round(): Promise<void> {
  const started = await Promise.all(Array.from({ length: count }, () => manager.start(task, 0)));
  const results = await Promise.all(started.map((run) => run.result()));
  if (results.some((result) => result !== 10)) throw new Error('not every part was called');
}

await round();
globalThis.gc?.();
const began = performance.now();
await round();
console.log(JSON.stringify({ microseconds: ((performance.now() - began) * 1_000) / count }));
process.exit();
