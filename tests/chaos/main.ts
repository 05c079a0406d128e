import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startPostgres } from '../servers/postgres.js';
import { FORGETFUL, SAFE, startRedis } from '../servers/start-redis.js';
import { chaos, type ChaosOptions, fleetChaos, SABOTAGES } from './harness.js';
import type { ChaosReport } from './ledger.js';

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '100' },
    seed: { type: 'string' },
    sabotage: { type: 'string' },
    fleet: { type: 'boolean', default: false },
    // For --fleet: an empty Redis or PostgreSQL, where it is not to be one of its own.
    url: { type: 'string' },
    // For --fleet: a PostgreSQL of its own, not a Redis.
    postgres: { type: 'boolean', default: false },
    // For --fleet: the server is killed, too, and started with what it has kept.
    'kill-server': { type: 'boolean', default: false },
  },
});
const sabotage = SABOTAGES.find((known) => known === values.sabotage);
if (values.sabotage !== undefined && sabotage === undefined)
  throw new RangeError(`--sabotage must be one of ${SABOTAGES.join(', ')}`);
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const trials = Number(values.trials);
const kinds = (['fleet', 'postgres', 'kill-server'] as const)
  .filter((kind) => values[kind])
  .map((kind) => `--${kind} `);
if (values['kill-server'] && (!values.fleet || values.url !== undefined))
  throw new RangeError('--kill-server goes with --fleet, and only a server of its own is killed: without --url');
if (sabotage === 'forgetful-server' && (!values['kill-server'] || values.postgres))
  throw new RangeError('--sabotage forgetful-server goes with --kill-server, and without --postgres');
const again = `npm run chaos -- ${kinds.join('')}--trials ${trials} --seed ${seed}`;
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
  return url === undefined ? onOwnServer(given) : fleetChaos({ ...given, url });
}

/** On a server of its own, which is gone afterwards. */
async function onOwnServer(given: ChaosOptions): Promise<ChaosReport> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-server-'));
  const settings = given.sabotage === 'forgetful-server' ? FORGETFUL : SAFE;
  const server = values.postgres ? await startPostgres({ dir }) : await startRedis({ dir, settings });
  try {
    const killed = values['kill-server'] ? server.process : undefined;
    const report = await fleetChaos({ ...given, url: server.url, killed });
    if (killed) console.log(`the server was killed ${report.serverKills} times`);
    return report;
  } finally {
    await server.process.stop();
    await rm(dir, { recursive: true, force: true });
  }
}
