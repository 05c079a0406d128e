import { defineTask, TaskManager } from 'errand';
import { bullmq } from 'errand/bullmq';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { spread } from '../result.js';
import { BareFleet } from './fleet-bare.js';
import { finish } from './fleet-sides.js';

// node fleet-cancel.js ours|peer <url> <prefix> <times>
const [side = '', url = '', prefix = ''] = process.argv.slice(2);
const times = Number(process.argv[5]);

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
  const fleet = new BareFleet(url, prefix);
  const [queue, relay] = [fleet.queue('held'), fleet.relay()];
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
// What it holds would not be removed under its hands.
const gone = once(holder, 'exit');
holder.kill('SIGKILL');
await gone;
finish({ milliseconds: spread(latencies.slice(10)).median });
