import { Queue, Relay } from 'bullmq';
import { defineTask, TaskManager } from 'errand';
import { bullmq } from 'errand/bullmq';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { spread } from '../result.js';
import { connectionTo, finish, newPrefix } from './fleet-sides.js';

// node fleet-cancel.js ours|peer <url> <times>
const [side = '', url = '', times] = [process.argv[2], process.argv[3], Number(process.argv[4])];

const prefix = newPrefix();

/** Starts what the other process will hold, and cancels it. */
interface Canceller {
  start(): Promise<unknown>;
  cancel(id: string): Promise<unknown>;
}

function ours(): Canceller {
  const task = defineTask({ name: 'held', handler: () => undefined });
  const manager = new TaskManager({ tasks: [task], backend: bullmq({ connection: url, prefix }), work: false });
  return { start: () => manager.start(task), cancel: (id) => manager.cancel(id) };
}

/** Relay alone: no record of the cancel is kept, and a lost message would lose it. */
function peer(): Canceller {
  const queue = new Queue('held', { connection: connectionTo(url), prefix });
  const relay = new Relay({ connection: connectionTo(url), prefix, namespace: 'bench' });
  return { start: () => queue.add('held', {}, { priority: 1 }), cancel: (id) => relay.publish('cancel', id) };
}

const canceller = side === 'ours' ? ours() : peer();
const holder = fork(new URL('./fleet-holder.js', import.meta.url).pathname, [side, url, prefix], { execArgv: [] });
process.once('exit', () => holder.kill('SIGKILL'));
const next = async (): Promise<Record<string, unknown>> =>
  ((await once(holder, 'message')) as Record<string, unknown>[])[0] ?? {};
await next();

/** From the call that cancels to the handler's signal in the other process, in ms. */
const latencies: number[] = [];
for (let time = 0; time < times + 10; time += 1) {
  const beginning = next();
  await canceller.start();
  const { begun } = await beginning;
  await sleep(10);
  const hearing = next();
  const cancelledAt = Number(process.hrtime.bigint() / 1_000n);
  await canceller.cancel(String(begun));
  latencies.push((Number((await hearing)['abortedAt']) - cancelledAt) / 1_000);
}
await finish(url, prefix, { milliseconds: spread(latencies.slice(10)).median });
