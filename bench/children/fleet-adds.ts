import { addAll, finish, newPrefix, ourManager, peerQueue } from './fleet-sides.js';

// node fleet-adds.js ours|peer <url> single|bulk <thousands>
const [side, url = '', how, thousands] = [process.argv[2], process.argv[3], process.argv[4], Number(process.argv[5])];

const prefix = newPrefix();
const adder = side === 'ours' ? ourManager(url, prefix) : peerQueue(url, prefix);

/** Nobody works on them: what is measured is until the server has them. */
async function add(times: number): Promise<void> {
  if (how === 'single') await addAll(adder, times * 1_000);
  else for (let time = 0; time < times; time += 1) await adder.addMany(1_000);
}

await add(Math.max(2, thousands / 4));
globalThis.gc?.();
const began = performance.now();
const used = process.cpuUsage();
await add(thousands);
const { user, system } = process.cpuUsage(used);
const seconds = (performance.now() - began) / 1_000;
const count = thousands * 1_000;
await finish(url, prefix, { perSecond: count / seconds, cpuMicroseconds: (user + system) / count });
