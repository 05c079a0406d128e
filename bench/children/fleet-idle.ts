import { setTimeout as sleep } from 'node:timers/promises';
import { spread } from '../result.js';
import { BareFleet } from './fleet-bare.js';
import { finish, ourManager, peerQueue } from './fleet-sides.js';

// node fleet-idle.js ours|peer <url> <prefix> <times>
const [side, url = '', prefix = ''] = process.argv.slice(2);
const times = Number(process.argv[5]);
let begun = (): void => undefined;

function ours(): (row: number) => Promise<unknown> {
  return ourManager(url, prefix, { slots: 16, begun: () => begun() }).add;
}

function peer(): (row: number) => Promise<unknown> {
  const processor = (): Promise<void> => {
    begun();
    return Promise.resolve();
  };
  new BareFleet(url, prefix).worker('small', processor, { concurrency: 16 });
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
finish({ milliseconds: spread(latencies.slice(20)).median });
