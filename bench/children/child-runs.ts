import { defineTask, TaskManager } from 'errand';
import { z } from 'zod';
import { spread } from '../result.js';

// node child-runs.js plain|child|keyed <runs of a round> <rounds to warm up>
const [kind, runs, warmUps] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

const nothing = defineTask({ name: 'nothing', input: z.number(), handler: () => undefined });
const parent = defineTask({
  name: 'parent',
  input: z.number(),
  handler: async (at, ctx) => {
    const child = await ctx.start(nothing, at, kind === 'keyed' ? { key: 'only' } : {});
    await child.result();
  },
});
const manager = new TaskManager({ tasks: [nothing, parent], queueLimit: Infinity });

/** Resolves when so many runs have ended: all of them plain ones, or half of them parents of the other half. */
function round(): Promise<unknown> {
  const task = kind === 'plain' ? nothing : parent;
  const settled = new Array<Promise<unknown>>(kind === 'plain' ? runs : runs / 2);
  for (let at = 0; at < settled.length; at += 1) settled[at] = manager.start(task, at).then((run) => run.settled());
  return Promise.all(settled);
}

for (let at = 0; at < warmUps; at += 1) await round();
const times: number[] = [];
for (let at = 0; at < (warmUps > 0 ? 3 : 1); at += 1) {
  globalThis.gc?.();
  const began = performance.now();
  await round();
  times.push((performance.now() - began) / 1_000);
}
const { total } = await manager.counts();
if (total.failed + total.cancelled > 0) throw new Error('not all runs have completed');
console.log(
  JSON.stringify({ perSecond: runs / spread(times).median, peakMegabytes: process.resourceUsage().maxRSS / 1_024 }),
);
process.exit();
