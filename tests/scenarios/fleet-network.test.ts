import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { RunResource } from '../../src/http-api/run-resource.js';
import { ownPostgres, ownRedis, type OwnServer } from '../servers/own-server.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { temporaryFolders } from '../temporary-folder.js';
import { Fleet, statusOf, terminate, within } from './fleet.js';
import { expectOnce, expectRefusal, isEnded, report } from './outages.js';
import { programs } from './program.js';
import { finished, look, startRun } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();
let proxy: TcpProxy;
let fleet: Fleet;
/** Where the server is by way of the proxy. */
let through: string;

async function begin(server: OwnServer): Promise<void> {
  const url = await server.empty();
  proxy = await TcpProxy.to(url);
  through = proxy.urlOf(url);
  fleet = await Fleet.at(start, { cwd: await makeFolder(), url });
}

for (const server of [ownRedis(), ownPostgres()]) {
  server.describe(`a ${server.name} behind a network`, () => {
    beforeEach(() => begin(server), 60_000);

    afterEach(() => proxy.close());

    it('that is slow is only slower', async () => {
      const [api] = await Promise.all([fleet.api({ url: through }), fleet.worker({ url: through })]);
      proxy.delay(150);
      const runs = await Promise.all(Array.from({ length: 10 }, () => startRun(api, report(2))));
      const ended = await Promise.all(runs.map((run) => finished(api, run)));
      expect(ended.map(({ status }) => status)).toEqual(Array(10).fill('completed'));
      await expectOnce(fleet, api, runs);
    }, 60_000);

    it('that cuts connections again and again loses nothing', async () => {
      const [front, api] = await Promise.all([
        fleet.api(),
        fleet.api({ url: through }),
        fleet.worker({ url: through }),
      ]);
      const cutting = setInterval(() => proxy.cut(), 150);
      const accepted: RunResource[] = [];
      for (let n = 0; n < 40; n += 1) {
        const run = await startRun(api, report(2)).catch(() => undefined);
        if (run !== undefined) accepted.push(run);
      }
      clearInterval(cutting);
      expect(accepted.length).toBeGreaterThan(0);
      await within(45_000, () => isEnded(front, accepted));
      for (const run of accepted) expect(await look(front, run)).toMatchObject({ status: 'completed', attempt: 1 });
    }, 90_000);

    it('that swallows everything is refused in time, and all goes on when it is back', async () => {
      const [api, worker] = await Promise.all([fleet.api({ url: through }), fleet.worker({ url: through })]);
      const runs = await Promise.all([1, 2].map(() => startRun(api, report(100))));
      await within(20_000, async () => (await fleet.told()).length === 2);
      proxy.swallow();
      await expectRefusal(api);
      await within(20_000, async () => (await statusOf(api, '/readyz')) === 503);
      proxy.restore();
      await within(10_000, async () => (await statusOf(api, '/readyz')) === 200);
      runs.push(await startRun(api, report(1)));
      await within(30_000, () => isEnded(api, runs));
      await expectOnce(fleet, api, runs);
      proxy.swallow();
      expect(await Promise.all([terminate(api), terminate(worker)])).toEqual([0, 0]);
    }, 90_000);

    it('that cuts a worker off for longer than its lock: its handler is told, and the other result counts', async () => {
      const api = await fleet.api();
      const cutOff = await fleet.worker({ url: through });
      const polite = await startRun(api, report(500));
      const stubborn = await startRun(api, { task: 'stubborn', input: { ms: 32_000 } });
      await within(20_000, async () => (await fleet.told()).length === 2);
      proxy.swallow();
      const cutAt = Date.now();
      const heir = await fleet.worker();
      const lost = async (id: string) =>
        (await fleet.told(id)).find(({ pid, what }) => pid === cutOff.pid && what === 'aborted LEASE_LOST');
      await within(
        20_000,
        async () => (await lost(polite.id)) !== undefined && (await lost(stubborn.id)) !== undefined,
      );
      expect(((await lost(polite.id))?.at ?? Infinity) - cutAt).toBeLessThan(16_500);
      await within(12_000, async () => (await fleet.told()).filter(({ pid }) => pid === heir.pid).length === 2);
      // What the other one still does, and says when it is back, counts for nothing.
      proxy.restore();
      await within(60_000, () => isEnded(api, [polite, stubborn]));
      expect((await look(api, polite)).result).toEqual({ pid: heir.pid });
      expect((await look(api, stubborn)).result).toEqual({ pid: heir.pid });
      const ends = (await fleet.told(stubborn.id)).filter(({ what }) => what === 'ended').map(({ pid }) => pid);
      expect(ends).toEqual([cutOff.pid, heir.pid]);
      expect(await look(api, polite)).toMatchObject({ status: 'completed', attempt: 1, failures: [] });
      await within(20_000, async () => (await statusOf(cutOff, '/readyz')) === 200);
      // It works again, too: as long as the other one is quick enough for all that comes, nobody asks it.
      await within(30_000, async () => {
        const next = await Promise.all(Array.from({ length: 20 }, () => startRun(api, report(1))));
        await within(20_000, () => isEnded(api, next));
        return (await fleet.told()).filter(({ pid, what }) => pid === cutOff.pid && what === 'began').length > 2;
      });
    }, 120_000);
  });
}
