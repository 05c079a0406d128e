import { defineTask, TaskManager } from 'errand';
import { sqlite } from 'errand/sqlite';
import { z } from 'zod';
import { newPath } from './sqlite-file.js';

// node sqlite-latency.js <callers> <starts of each>
const [callers, starts] = [Number(process.argv[2]), Number(process.argv[3])];

const task = defineTask({ name: 'small', input: z.object({ row: z.number() }), handler: (input) => input });
const manager = new TaskManager({ tasks: [task], backend: sqlite({ file: newPath() }) });
const latencies: number[] = [];

/** Starts one run after the other, each when the one before it is on the disk; what was started also runs. */
async function call(): Promise<void> {
  for (let row = 0; row < starts; row += 1) {
    const began = performance.now();
    await manager.start(task, { row });
    latencies.push(performance.now() - began);
  }
}

await manager.open();
const calling = (): Promise<unknown> => Promise.all(Array.from({ length: callers }, call));
await calling();
latencies.length = 0;
await calling();
latencies.sort((a, b) => a - b);
console.log(JSON.stringify({ p99: latencies[Math.floor(latencies.length * 0.99)] }));
process.exit();
