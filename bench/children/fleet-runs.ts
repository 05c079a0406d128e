import { BareFleet } from './fleet-bare.js';
import { addAll, finish, ourManager, peerQueue } from './fleet-sides.js';

// node fleet-runs.js ours|peer <url> <prefix> <concurrency> <thousands>
const [side, url = '', prefix = ''] = process.argv.slice(2);
const [slots, thousands] = [Number(process.argv[5]), Number(process.argv[6])];

/** Adds so many, and begins to work when all are there; resolves with how long the work took, in ms. */
type Round = (count: number) => Promise<number>;

function ours(): Round {
  let left = 0;
  let onBegun = (): void => undefined;
  const begun = (): void => {
    left -= 1;
    if (left === 0) onBegun();
  };
  const { manager, addMany } = ourManager(url, prefix, { slots, begun });
  return async (count) => {
    await manager.queues.pause('default');
    left = count;
    const allBegun = new Promise<void>((resolve) => (onBegun = resolve));
    let last: Awaited<ReturnType<typeof addMany>> = [];
    for (let added = 0; added < count; added += 500) last = await addMany(500);
    const began = performance.now();
    await manager.queues.resume('default');
    await allBegun;
    // Runs of one priority end as they came, but for those that are at work together.
    await Promise.all(last.slice(-slots).map((run) => run.settled()));
    return performance.now() - began;
  };
}

function peer(): Round {
  const adder = peerQueue(url, prefix);
  const worker = new BareFleet(url, prefix).worker('small', () => Promise.resolve(), {
    concurrency: slots,
    autorun: false,
  });
  let running: Promise<void> | undefined;
  return async (count) => {
    let left = count;
    if (running !== undefined) await worker.pause();
    await addAll(adder, count);
    const done = new Promise<void>((resolve) => {
      worker.removeAllListeners('completed');
      worker.on('completed', () => {
        left -= 1;
        if (left === 0) resolve();
      });
    });
    await worker.waitUntilReady();
    const began = performance.now();
    if (running === undefined) running = worker.run();
    else worker.resume();
    await done;
    return performance.now() - began;
  };
}

const round = side === 'ours' ? ours() : peer();
const count = thousands * 1_000;
await round(Math.max(1_000, count / 4));
globalThis.gc?.();
finish({ perSecond: (count * 1_000) / (await round(count)) });
