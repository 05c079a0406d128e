import { beforeEach, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownPostgres, ownRedis } from '../servers/own-server.js';
import { temporaryFolders } from '../temporary-folder.js';
import { Fleet, kill, within } from './fleet.js';
import { programs, type ServerProgram } from './program.js';
import { cancel, finished, importProducts, look } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();
const TASKS = ['slow.mjs'];
/** 10 ms each; every second one has no handle, and fails. */
const SLOW = `import { defineTask, sleep } from 'errand';
export const slow = defineTask({ name: 'slow-product', handler: async ({ Handle }) => {
  await sleep(10);
  if (Handle === '') throw new Error('The handle is missing');
} });`;
let fleet: Fleet;
let api: ServerProgram;

function rows(count: number): string {
  const lines = Array.from({ length: count }, (_, index) => `${index % 2 === 0 ? `mug-${index}` : ''},Mug`);
  return ['Handle,Title', ...lines, ''].join('\n');
}

/** The indexes of the records that failed, in order. */
async function failures(self: string): Promise<number[]> {
  const text = await (await fetch(`${api.url}${self}/failures`)).text();
  const indexes = text.split('\n').filter((line) => line !== '');
  return indexes.map((line) => (JSON.parse(line) as { index: number }).index).sort((a, b) => a - b);
}

const oddBelow = (count: number): number[] => Array.from({ length: count / 2 }, (_, n) => 2 * n + 1);

for (const server of [ownRedis(), ownPostgres()]) {
  server.describe(`on ${server.name}, an import that the API takes and a worker handles`, () => {
    beforeEach(async () => {
      const cwd = await makeFolder();
      fleet = await Fleet.at(start, { cwd, url: await server.empty() });
      await writeFile(join(cwd, 'slow.mjs'), SLOW);
      api = await fleet.api({ tasks: TASKS });
    }, 60_000);

    it('waits for a worker, and ends with exact counts and failures that the API shows', async () => {
      const run = await importProducts(api, rows(200), 'slow-product');
      expect((await look(api, run)).status).toBe('queued');
      await fleet.worker({ tasks: TASKS });
      expect(await finished(api, run)).toMatchObject({
        status: 'completed',
        result: { total: 200, succeeded: 100, failed: 100, cancelled: 0 },
      });
      expect(await failures(run.links.self)).toEqual(oddBelow(200));
    });

    it('goes on with another worker where the one that had it was killed, and counts everything once', async () => {
      const first = await fleet.worker({ tasks: TASKS });
      const run = await importProducts(api, rows(2_000), 'slow-product');
      await within(20_000, async () => ((await look(api, run)).progress?.done ?? 0) > 500);
      await kill(first);
      await fleet.worker({ tasks: TASKS });
      await within(27_000, async () => ((await look(api, run)).progress?.done ?? 0) > 1_000);
      expect(await finished(api, run)).toMatchObject({
        status: 'completed',
        result: { total: 2_000, succeeded: 1_000, failed: 1_000, cancelled: 0 },
      });
      expect(await failures(run.links.self)).toEqual(oddBelow(2_000));
    }, 90_000);

    it('is cancelled from the API, and says how far it came', async () => {
      await fleet.worker({ tasks: TASKS });
      const run = await importProducts(api, rows(20_000), 'slow-product');
      await within(20_000, async () => ((await look(api, run)).progress?.done ?? 0) > 20);
      const ended = await cancel(api, run, 'the wrong file');
      expect(ended).toMatchObject({ status: 'cancelled', cancelReason: 'the wrong file', result: { total: 20_000 } });
    });
  });
}
