import { addAll, finish, ourManager, peerQueue } from './fleet-sides.js';

// node fleet-adds.js ours|peer <url> <prefix> single|bulk <thousands>
const [side, url = '', prefix = '', how] = process.argv.slice(2);
const thousands = Number(process.argv[6]);

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
finish({ perSecond: count / seconds, cpuMicroseconds: (user + system) / count });
