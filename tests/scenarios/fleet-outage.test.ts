import { beforeEach, expect, it } from '@jest/globals';
import { ownPostgres, ownRedis, type OwnServer } from '../servers/own-server.js';
import { temporaryFolders } from '../temporary-folder.js';
import { Fleet, statusOf, terminate, within } from './fleet.js';
import { expectOnce, expectRefusal, isEnded, report } from './outages.js';
import { programs } from './program.js';
import { finished, look, startRun } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();
let fleet: Fleet;

async function begin(server: OwnServer): Promise<void> {
  fleet = await Fleet.at(start, { cwd: await makeFolder(), url: await server.empty() });
}

for (const server of [ownRedis(), ownPostgres()]) {
  server.describe(`a ${server.name} that is killed`, () => {
    beforeEach(() => begin(server), 60_000);

    it('has everything when it is back: what was queued, at work, delayed or retrying ends once', async () => {
      const [api, worker] = await Promise.all([fleet.api(), fleet.worker({ args: ['--concurrency', '3'] })]);
      const atWork = await Promise.all([1, 2].map(() => startRun(api, report(120))));
      const retrying = await startRun(api, { task: 'flaky', input: { steps: 1 } });
      await within(20_000, async () => (await look(api, retrying)).status === 'retrying');
      const third = await startRun(api, report(120));
      const queued = await Promise.all([1, 2, 3].map(() => startRun(api, report(1))));
      const delayed = await startRun(api, { ...report(1), delayMs: 4_000 });
      await within(20_000, async () => (await fleet.told(third.id)).length > 0);

      await server.process().kill();
      await expectRefusal(api);
      await within(20_000, async () => (await statusOf(api, '/readyz')) === 503);
      await within(20_000, async () => (await statusOf(worker, '/readyz')) === 503);
      expect(await statusOf(api, '/healthz')).toBe(200);
      await server.process().start();

      const runs = [...atWork, third, retrying, ...queued, delayed];
      await within(30_000, () => isEnded(api, runs));
      await expectOnce(fleet, api, runs);
      expect(await statusOf(api, '/readyz')).toBe(200);
      expect(await statusOf(worker, '/readyz')).toBe(200);
    }, 90_000);

    it('is waited for by who starts meanwhile, and nobody who ends waits for it', async () => {
      const [api, worker] = await Promise.all([fleet.api(), fleet.worker()]);
      const run = await startRun(api, report(1_000));
      await within(20_000, async () => (await fleet.told(run.id)).length > 0);
      await server.process().kill();
      const [late, lateWorker] = await Promise.all([fleet.api(), fleet.worker()]);
      expect(late.stdout).toContain('they cannot be reached yet');
      expect(late.stdout).not.toContain('    at ');
      expect([await statusOf(late, '/readyz'), await statusOf(lateWorker, '/readyz')]).toEqual([503, 503]);
      await expectRefusal(late);
      const begunAt = performance.now();
      expect(await Promise.all([terminate(api), terminate(worker)])).toEqual([0, 0]);
      // Ten seconds are the handler's; a call to the server may take two.
      expect(performance.now() - begunAt).toBeLessThan(16_000);
      await server.process().start();
      await within(10_000, async () => (await statusOf(lateWorker, '/readyz')) === 200);
      const next = await within(10_000, async () => (await statusOf(late, '/readyz')) === 200).then(() =>
        startRun(late, report(1)),
      );
      expect(await finished(late, next)).toMatchObject({ status: 'completed' });
    }, 90_000);
  });
}
