import { defineTask, TaskManager } from 'errand';
import PQueue from 'p-queue';
import { z } from 'zod';
import { spread } from '../result.js';

// node tracked-runs.js ours|peer <n> <concurrency> <rounds of 10⁵ to warm up>
const [side, n, concurrency, warmUps] = [process.argv[2], ...process.argv.slice(3).map(Number)] as [
  string,
  number,
  number,
  number,
];

/** Starts so many at once and resolves when all have ended. */
type Round = (count: number) => Promise<unknown>;

function ours(): Round {
  const task = defineTask({ name: 'nothing', input: z.number(), handler: () => undefined });
  const manager = new TaskManager({ tasks: [task], concurrency, queueLimit: Infinity });
  return (count) => {
    const settled = new Array<Promise<unknown>>(count);
    for (let at = 0; at < count; at += 1) settled[at] = manager.start(task, at).then((run) => run.settled());
    return Promise.all(settled);
  };
}

function peer(): Round {
  const noop = (): undefined => undefined;
  const queue = new PQueue({ concurrency });
  return (count) => {
    const settled = new Array<Promise<unknown>>(count);
    for (let at = 0; at < count; at += 1) settled[at] = queue.add(noop);
    return Promise.all(settled);
  };
}

const round = side === 'ours' ? ours() : peer();
for (let at = 0; at < warmUps; at += 1) await round(100_000);
const times: number[] = [];
for (let at = 0; at < (warmUps > 0 && n <= 100_000 ? 3 : 1); at += 1) {
  globalThis.gc?.();
  const began = performance.now();
  await round(n);
  times.push(((performance.now() - began) * 1_000) / n);
}
console.log(
  JSON.stringify({ microseconds: spread(times).median, peakMegabytes: process.resourceUsage().maxRSS / 1_024 }),
);
process.exit();
