import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../structure/sources.js';
import { chaos } from './harness.js';

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

/** More of it: npm run chaos. */
describe('processes that are killed at any moment', () => {
  it('lose nothing that was accepted, and begin nothing again that has ended', async () => {
    const { lost, duplicated, unexpected, accepted, recovered } = await chaos({ worker, trials: 12, seed: 7 });
    expect({ lost, duplicated, unexpected }).toEqual({ lost: [], duplicated: [], unexpected: [] });
    expect(accepted).toBeGreaterThan(20);
    expect(recovered).toBeGreaterThan(0);
  }, 60_000);

  it('are seen to lose runs where they say accepted too early', async () => {
    const { lost } = await chaos({ worker, trials: 12, seed: 7, sabotage: 'ack-early' });
    expect(lost).not.toEqual([]);
  }, 60_000);
});
