import { defineTask, TaskManager } from 'errand';
import { sqlite } from 'errand/sqlite';
import { z } from 'zod';
import { emptyFile } from './sqlite-file.js';
import { RawRuns } from './sqlite-raw.js';

// node sqlite-runs.js ours|peer <groups>
const [side, groups] = [process.argv[2], Number(process.argv[3])];
const GROUP = 100;

/** Takes in so many groups, then brings them all to their end, a group at a time. */
type Round = (groups: number) => Promise<void> | void;

function ours(file: string): Round {
  const task = defineTask({ name: 'small', input: z.object({ row: z.number() }), handler: (input) => input });
  const manager = new TaskManager({
    ...{ tasks: [task], backend: sqlite({ file }), concurrency: GROUP, queueLimit: Infinity },
    retention: { maxFinished: Infinity },
  });
  return async (count) => {
    await manager.queues.pause('default');
    const settled: Promise<unknown>[] = [];
    for (let group = 0; group < count; group += 1) {
      const starts = Array.from({ length: GROUP }, (_, at) => manager.start(task, { row: group * GROUP + at }));
      for (const run of await Promise.all(starts)) settled.push(run.settled());
    }
    await manager.queues.resume('default');
    await Promise.all(settled);
  };
}

/** With the commits that Errand makes, too: the next group is claimed with what ends the last one. */
function peer(file: string): Round {
  const runs = new RawRuns(file);
  let first = 1;
  const each = (group: number, step: (ordinal: number) => void): void => {
    for (let at = 0; at < GROUP; at += 1) step(first + group * GROUP + at);
  };
  return (count) => {
    for (let group = 0; group < count; group += 1) runs.group(() => each(group, (ordinal) => runs.accept(ordinal)));
    for (let group = 0; group <= count; group += 1)
      runs.group(() => {
        if (group > 0) each(group - 1, (ordinal) => runs.complete(ordinal));
        if (group < count) each(group, (ordinal) => runs.claim(ordinal));
      });
    first += count * GROUP;
  };
}

const file = await emptyFile();
const round = side === 'ours' ? ours(file) : peer(file);
await round(groups);
globalThis.gc?.();
const began = performance.now();
const used = process.cpuUsage();
await round(groups);
const { user, system } = process.cpuUsage(used);
const seconds = (performance.now() - began) / 1_000;
console.log(
  JSON.stringify({ perSecond: (groups * GROUP) / seconds, cpuMicroseconds: (user + system) / (groups * GROUP) }),
);
process.exit();
