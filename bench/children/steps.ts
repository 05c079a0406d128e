import { defineTask, TaskManager } from 'errand';
import { sqlite } from 'errand/sqlite';
import { z } from 'zod';
import { newPath } from './sqlite-file.js';

// node steps.js memory|sqlite <runs> <runs at once>
const [kind, runs, atOnce] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const STEPS = 1_000;

const stepping = defineTask({
  name: 'stepping',
  input: z.number(),
  handler: async (_input, ctx) => {
    for (let at = 0; at < STEPS; at += 1) await ctx.step(`step-${at}`, () => ({ at }));
  },
});
const manager = new TaskManager({
  tasks: [stepping],
  concurrency: atOnce,
  ...(kind === 'sqlite' ? { backend: sqlite({ file: newPath() }) } : {}),
});

async function round(): Promise<void> {
  const started = await Promise.all(Array.from({ length: runs }, (_, at) => manager.start(stepping, at)));
  await Promise.all(started.map((run) => run.result()));
}

await round();
globalThis.gc?.();
const began = performance.now();
await round();
console.log(JSON.stringify({ microseconds: ((performance.now() - began) * 1_000) / (runs * STEPS) }));
process.exit();
