import { defineTask, TaskManager } from 'errand';
import { processes, threadModule, threads } from 'errand/thread';
import { Piscina } from 'piscina';
import type * as handlerModule from './thread-handler.js';

// node thread-calls.js thread|process|piscina <threads> <in flight> <calls> <ms of work in each>
const [way, places, inFlight, calls, busyMs] = [process.argv[2], ...process.argv.slice(3).map(Number)] as [
  'thread' | 'process' | 'piscina',
  number,
  number,
  number,
  number,
];
const url = new URL('./thread-handler.js', import.meta.url);

/** Calls the handler once, and gives what it returned. */
type Call = (input: { value: number; busyMs: number }) => Promise<unknown>;

function ours(executor: 'thread' | 'process'): Call {
  const module = threadModule<typeof handlerModule>(url);
  const task = defineTask({ name: 'next', executor, module });
  const executors = [threads({ maxThreads: places }), processes({ maxProcesses: places })];
  const manager = new TaskManager({ tasks: [task], executors });
  return async (input) => (await manager.start(task, input)).result();
}

function peer(): Call {
  const pool = new Piscina({ filename: url.href, name: 'handler', maxThreads: places });
  return (input) => pool.run(input) as Promise<unknown>;
}

const call = way === 'piscina' ? peer() : ours(way);

/** So many are on their way at any time. */
async function round(count: number): Promise<void> {
  let left = count;
  const one = async (): Promise<void> => {
    for (let at = (left -= 1); at >= 0; at = left -= 1)
      if ((await call({ value: at, busyMs })) !== at + 1) throw new Error('a wrong result');
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}

await round(Math.ceil(calls / 2));
const began = performance.now();
await round(calls);
console.log(JSON.stringify({ perSecond: (calls * 1_000) / (performance.now() - began) }));
process.exit();
