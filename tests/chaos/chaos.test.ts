import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../structure/sources.js';
import { ownRedis, type OwnServer } from '../servers/own-server.js';
import { FORGETFUL, SAFE } from '../servers/start-redis.js';
import { chaos, type ChaosOptions, fleetChaos, type FleetChaosReport, type Sabotage } from './harness.js';
import type { ChaosReport } from './ledger.js';

let folder: string;
let worker: string;

beforeAll(async () => {
  // Inside the repository, so that it finds the package by its name.
  await mkdir(join(root, 'build'), { recursive: true });
  folder = await mkdtemp(join(root, 'build', 'chaos-'));
  worker = join(folder, 'worker.js');
  const entry = join(root, 'tests/chaos/worker.ts');
  await build({
    entryPoints: [entry],
    outfile: worker,
    packages: 'external',
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
});

afterAll(() => rm(folder, { recursive: true }));

/** What shows that the workers do it wrong: tried again where no kill has fallen into a moment that matters. */
async function seen(
  what: 'lost' | 'duplicated',
  sabotage: Sabotage,
  play: (options: ChaosOptions) => Promise<ChaosReport> = chaos,
): Promise<readonly string[]> {
  for (let seed = 7; seed < 12; seed += 1) {
    const report = await play({ worker, trials: 20, seed, sabotage });
    if (report[what].length > 0) return report[what];
  }
  return [];
}

/** More of it: npm run chaos. */
describe('processes that are killed at any moment', () => {
  it('lose nothing that was accepted, and begin nothing again that has ended', async () => {
    const { lost, duplicated, unexpected, accepted, recovered } = await chaos({ worker, trials: 12, seed: 7 });
    expect({ lost, duplicated, unexpected }).toEqual({ lost: [], duplicated: [], unexpected: [] });
    expect(accepted).toBeGreaterThan(20);
    expect(recovered).toBeGreaterThan(0);
  }, 60_000);

  it('are seen to lose runs where they say accepted too early', async () => {
    expect(await seen('lost', 'ack-early')).not.toEqual([]);
  }, 180_000);

  it('are seen to begin records of imports again where they keep nothing of how far those have come', async () => {
    expect(await seen('duplicated', 'no-checkpoints')).not.toEqual([]);
  }, 180_000);
});

const redis = ownRedis();

/** More of it: npm run chaos -- --fleet. */
redis.describe('processes of a fleet that are killed at any moment', () => {
  const onEmpty = async (options: ChaosOptions): Promise<ChaosReport> =>
    fleetChaos({ ...options, url: await redis.empty() });

  it('lose nothing that was accepted, and begin nothing again that has ended', async () => {
    const { lost, duplicated, unexpected, accepted, recovered } = await onEmpty({ worker, trials: 16, seed: 7 });
    expect({ lost, duplicated, unexpected }).toEqual({ lost: [], duplicated: [], unexpected: [] });
    expect(accepted).toBeGreaterThan(100);
    expect(recovered).toBeGreaterThan(0);
  }, 120_000);

  it('are seen to lose runs where they say accepted too early', async () => {
    expect(await seen('lost', 'ack-early', onEmpty)).not.toEqual([]);
  }, 300_000);
});

const [safe, forgetful] = [ownRedis(SAFE), ownRedis(FORGETFUL)];

/** More of it: npm run chaos -- --fleet --kill-server. */
safe.describe('a fleet whose server is killed, too', () => {
  const killing =
    (server: OwnServer) =>
    async (options: ChaosOptions): Promise<FleetChaosReport> =>
      fleetChaos({ ...options, url: await server.empty(), killed: server.process() });

  it('loses nothing that was accepted, and begins nothing again that has ended', async () => {
    const report = await killing(safe)({ worker, trials: 24, seed: 7 });
    const { lost, duplicated, unexpected, accepted, serverKills } = report;
    expect({ lost, duplicated, unexpected }).toEqual({ lost: [], duplicated: [], unexpected: [] });
    expect(accepted).toBeGreaterThan(100);
    expect(serverKills).toBeGreaterThan(2);
  }, 300_000);

  it('is seen to lose runs where its server keeps nothing', async () => {
    expect(await seen('lost', 'forgetful-server', killing(forgetful))).not.toEqual([]);
  }, 300_000);
});
