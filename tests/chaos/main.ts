import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startRedis } from '../servers/start-redis.js';
import { chaos, type ChaosOptions, fleetChaos, SABOTAGES } from './harness.js';
import type { ChaosReport } from './ledger.js';

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '100' },
    seed: { type: 'string' },
    sabotage: { type: 'string' },
    fleet: { type: 'boolean', default: false },
    // For --fleet: an empty Redis or PostgreSQL, where it is not to be a Redis of its own.
    url: { type: 'string' },
  },
});
const sabotage = SABOTAGES.find((known) => known === values.sabotage);
if (values.sabotage !== undefined && sabotage === undefined)
  throw new RangeError(`--sabotage must be one of ${SABOTAGES.join(', ')}`);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const trials = Number(values.trials);
const again = `npm run chaos -- ${values.fleet ? '--fleet ' : ''}--trials ${trials} --seed ${seed}`;
console.log(`${trials} kills, seed ${seed} (the same work again: ${again})`);
const options = {
  worker: fileURLToPath(new URL('worker.js', import.meta.url)),
  ...{ trials, seed, ...(sabotage !== undefined && { sabotage }) },
};
const { accepted, recovered, lost, duplicated, unexpected } = await play(options);
console.log(`accepted ${accepted}, recovered ${recovered}`);
for (const [what, runs] of Object.entries({ lost, duplicated, unexpected })) {
  console.log(`${what} ${runs.length}`);
  for (const run of runs.slice(0, 20)) console.log(`  ${run}`);
}
process.exitCode = lost.length + duplicated.length + unexpected.length > 0 ? 1 : 0;

function play(given: ChaosOptions): Promise<ChaosReport> {
  const { fleet, url } = values;
  if (!fleet) return chaos(given);
  return url === undefined ? onRedis(given) : fleetChaos({ ...given, url });
}

/** On a Redis of its own, which is gone afterwards. */
async function onRedis(given: ChaosOptions): Promise<ChaosReport> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-server-'));
  const redis = await startRedis({ dir });
  try {
    return await fleetChaos({ ...given, url: redis.url });
  } finally {
    await redis.process.stop();
    await rm(dir, { recursive: true, force: true });
  }
}
