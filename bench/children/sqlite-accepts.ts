import { defineTask, TaskManager } from 'errand';
import { sqlite } from 'errand/sqlite';
import { z } from 'zod';
import { emptyFile } from './sqlite-file.js';
import { RawRuns } from './sqlite-raw.js';

// node sqlite-accepts.js ours|peer <groups>
const [side, groups] = [process.argv[2], Number(process.argv[3])];
const GROUP = 100;

/** Takes so many groups, one after the other, each in one turn and one transaction. */
type Take = (groups: number) => Promise<void> | void;

function ours(file: string): Take {
  const task = defineTask({ name: 'small', input: z.object({ row: z.number() }), handler: (input) => input });
  const manager = new TaskManager({ tasks: [task], backend: sqlite({ file }), queueLimit: Infinity });
  return async (count) => {
    await manager.queues.pause('default');
    for (let group = 0; group < count; group += 1) {
      const starts = new Array<Promise<unknown>>(GROUP);
      for (let at = 0; at < GROUP; at += 1) starts[at] = manager.start(task, { row: group * GROUP + at });
      await Promise.all(starts);
    }
  };
}

function peer(file: string): Take {
  const runs = new RawRuns(file);
  let ordinal = 0;
  return (count) => {
    for (let group = 0; group < count; group += 1)
      runs.group(() => {
        for (let at = 0; at < GROUP; at += 1) runs.accept((ordinal += 1));
      });
  };
}

const file = await emptyFile();
const take = side === 'ours' ? ours(file) : peer(file);
await take(groups);
globalThis.gc?.();
const began = performance.now();
const used = process.cpuUsage();
await take(groups);
const { user, system } = process.cpuUsage(used);
const seconds = (performance.now() - began) / 1_000;
console.log(
  JSON.stringify({ perSecond: (groups * GROUP) / seconds, cpuMicroseconds: (user + system) / (groups * GROUP) }),
);
process.exit();
