import { beforeEach, expect, it } from '@jest/globals';
import type { RunResource } from '../../src/http-api/run-resource.js';
import { ownPostgres, ownRedis, type OwnServer } from '../servers/own-server.js';
import { temporaryFolders } from '../temporary-folder.js';
import { allRuns, Fleet, kill, terminate, within } from './fleet.js';
import { programs, type ServerProgram } from './program.js';
import { finished, startRun } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();
/** What a run may take from its worker's death until it begins elsewhere: lock, stalled check, and some of both again. */
const ELSEWHERE_MS = 27_000;
let fleet: Fleet;
let api: ServerProgram;

async function begin(server: OwnServer): Promise<void> {
  fleet = await Fleet.at(start, { cwd: await makeFolder(), url: await server.empty() });
  api = await fleet.api();
}

async function startMany(count: number, body: object): Promise<RunResource[]> {
  return Promise.all(Array.from({ length: count }, () => startRun(api, body)));
}

/** How often each run was begun. */
async function beginnings(): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const { what, runId } of await fleet.told()) if (what === 'began') times.set(runId, (times.get(runId) ?? 0) + 1);
  return times;
}

for (const server of [ownRedis(), ownPostgres()]) {
  server.describe(`on ${server.name}, a worker that is killed at work`, () => {
    beforeEach(() => begin(server), 60_000);

    it('loses its runs to another within 27 seconds, which begins each of them once', async () => {
      const killed = await fleet.worker();
      const runs = await startMany(20, { task: 'report', input: { steps: 60 } });
      await within(10_000, async () => (await beginnings()).size === 20);
      await kill(killed);
      const killedAt = Date.now();
      const heir = await fleet.worker();
      await within(
        ELSEWHERE_MS + 2_000,
        async () => (await fleet.told()).filter(({ pid }) => pid === heir.pid).length >= 20,
      );
      const again = (await fleet.told()).filter(({ what, pid }) => what === 'began' && pid === heir.pid);
      expect(Math.max(...again.map(({ at }) => at)) - killedAt).toBeLessThan(ELSEWHERE_MS);
      const ended = await Promise.all(runs.map((run) => finished(api, run)));
      expect(ended.map(({ status, attempt }) => `${status} ${attempt}`)).toEqual(Array(20).fill('completed 1'));
      expect([...(await beginnings()).values()]).toEqual(Array(20).fill(2));
      expect(new Set(ended.map(({ result }) => (result as { pid: number }).pid))).toEqual(new Set([heir.pid]));
    }, 90_000);
  });

  server.describe(`on ${server.name}, all workers restarted one after the other`, () => {
    beforeEach(() => begin(server), 60_000);

    it('lose nothing, use up no attempt, and begin nothing again that ends in time', async () => {
      const workers = await Promise.all([fleet.worker(), fleet.worker(), fleet.worker()]);
      const short: RunResource[] = [];
      // Longer than the ten seconds that a worker gives its runs when it ends.
      const long = await startMany(6, { task: 'report', input: { steps: 240 } });
      await within(10_000, async () => (await beginnings()).size === 6);
      const rolling = { on: true };
      const load = (async () => {
        for (let n = 0; rolling.on || n < 50; n += 1)
          short.push(await startRun(api, { task: 'report', input: { steps: 4 } }));
      })();
      const exits: (number | null)[] = [];
      for (const worker of workers) {
        const next = fleet.worker();
        exits.push(await terminate(worker));
        await next;
      }
      rolling.on = false;
      await load;
      expect(exits).toEqual([0, 0, 0]);
      await within(40_000, async () => (await allRuns(api)).every(({ finishedAt }) => finishedAt !== null));
      const ended = await allRuns(api);
      expect(ended).toHaveLength(short.length + long.length);
      expect(new Set(ended.map(({ status, attempt, failures }) => `${status} ${attempt} ${failures.length}`))).toEqual(
        new Set(['completed 1 0']),
      );
      const times = await beginnings();
      expect(short.filter(({ id }) => times.get(id) !== 1)).toEqual([]);
      const interrupted = (await fleet.told()).filter(({ what }) => what.startsWith('aborted'));
      for (const { id } of long) {
        const before = interrupted.filter(({ runId }) => runId === id).length;
        expect(times.get(id)).toBe(1 + before);
      }
    }, 120_000);
  });
}
