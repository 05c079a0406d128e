import { Worker } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import { spread } from '../result.js';
import { connectionTo, finish, newPrefix, ourManager, peerQueue } from './fleet-sides.js';

// node fleet-idle.js ours|peer <url> <times>
const [side, url = '', times] = [process.argv[2], process.argv[3], Number(process.argv[4])];

const prefix = newPrefix();
let begun = (): void => undefined;

function ours(): (row: number) => Promise<unknown> {
  return ourManager(url, prefix, { slots: 16, begun: () => begun() }).add;
}

function peer(): (row: number) => Promise<unknown> {
  const processor = (): Promise<void> => {
    begun();
    return Promise.resolve();
  };
  new Worker('small', processor, { connection: connectionTo(url), prefix, concurrency: 16 });
  return peerQueue(url, prefix).add;
}

/** From the call that starts one to the beginning of its handler, where nothing else is going on, in ms. */
const start = side === 'ours' ? ours() : peer();
const latencies: number[] = [];
for (let row = 0; row < times + 20; row += 1) {
  const handled = new Promise<void>((resolve) => (begun = resolve));
  const began = performance.now();
  await Promise.all([start(row), handled.then(() => latencies.push(performance.now() - began))]);
  await sleep(10);
}
await finish(url, prefix, { milliseconds: spread(latencies.slice(20)).median });
