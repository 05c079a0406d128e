import { defineTask, TaskManager } from 'errand';
import { sqlite } from 'errand/sqlite';
import { z } from 'zod';

// node sqlite-look.js <file> <finished runs> list|get|claim <times>
const [file = '', finished, what = ''] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const times = Number(process.argv[5]);

const DAY_MS = 86_400_000;

const task = defineTask({ name: 'small', input: z.object({ row: z.number() }), handler: (input) => input });
const manager = new TaskManager({
  ...{ tasks: [task], backend: sqlite({ file }), concurrency: 100 },
  retention: { maxFinished: Infinity, keepResultMs: DAY_MS },
});

/** Each asks for something else: what is near is not what is looked for next. */
const ways: Readonly<Record<string, (at: number) => Promise<unknown>>> = {
  list: () => manager.list({ limit: 50 }),
  get: async (at) => {
    const id = `r-${1 + ((at * 7_919) % finished)}`;
    if ((await manager.get(id)) === undefined) throw new Error(`run ${id} is missing`);
  },
  claim: (at) =>
    Promise.all(
      Array.from({ length: 100 }, async (_, row) => (await manager.start(task, { row: at + row })).settled()),
    ),
};

const way = ways[what];
if (way === undefined) throw new Error(`there is no way to ${what}`);
for (let at = 0; at < times; at += 1) await way(at);
const began = performance.now();
for (let at = 0; at < times; at += 1) await way(times + at);
console.log(JSON.stringify({ microseconds: ((performance.now() - began) * 1_000) / times }));
process.exit();
