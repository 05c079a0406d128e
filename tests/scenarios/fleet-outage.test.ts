import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { RunResource } from '../../src/http-api/run-resource.js';
import { ownRedis } from '../servers/own-server.js';
import { TcpProxy } from '../servers/tcp-proxy.js';
import { temporaryFolders } from '../temporary-folder.js';
import { Fleet, statusOf, terminate, within } from './fleet.js';
import { programs, type ServerProgram } from './program.js';
import { finished, look, startRun } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();
const server = ownRedis();
let url: string;
let proxy: TcpProxy;
let fleet: Fleet;

/** What the workers know of runs that take so many steps of 50 ms. */
const report = (steps: number) => ({ task: 'report', input: { steps } });

/** Starts a run while its server is away. @returns how it was refused, and how long that took, in ms. */
async function refused(api: ServerProgram): Promise<{ status: number; code: unknown; tookMs: number }> {
  const begunAt = performance.now();
  const answer = await fetch(`${api.url}/process`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(report(1)),
  });
  const { code } = (await answer.json()) as { code?: unknown };
  return { status: answer.status, code, tookMs: performance.now() - begunAt };
}

async function expectRefusal(api: ServerProgram): Promise<void> {
  const { tookMs, ...answer } = await refused(api);
  expect(answer).toEqual({ status: 503, code: 'BACKEND' });
  expect(tookMs).toBeLessThan(2_500);
}

async function isEnded(api: ServerProgram, runs: readonly RunResource[]): Promise<boolean> {
  const now = await Promise.all(runs.map((run) => look(api, run)));
  return now.every(({ finishedAt }) => finishedAt !== null);
}

/** Each of these runs was begun and ended once, and that counted. */
async function expectOnce(api: ServerProgram, runs: readonly RunResource[]): Promise<void> {
  for (const run of runs) {
    expect(await look(api, run)).toMatchObject({ status: 'completed', attempt: run.task === 'flaky' ? 2 : 1 });
    expect((await fleet.told(run.id)).filter(({ what }) => what === 'ended')).toHaveLength(1);
  }
}

beforeEach(async () => {
  url = await server.empty();
  proxy = await TcpProxy.to(url);
  fleet = await Fleet.at(start, { cwd: await makeFolder(), url });
}, 60_000);

afterEach(() => proxy.close());

server.describe('a Redis that is killed', () => {
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
    await expectOnce(api, runs);
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

server.describe('a Redis behind a network', () => {
  it('that is slow is only slower', async () => {
    const through = proxy.urlOf(url);
    const [api] = await Promise.all([fleet.api({ url: through }), fleet.worker({ url: through })]);
    proxy.delay(150);
    const runs = await Promise.all(Array.from({ length: 10 }, () => startRun(api, report(2))));
    const ended = await Promise.all(runs.map((run) => finished(api, run)));
    expect(ended.map(({ status }) => status)).toEqual(Array(10).fill('completed'));
    await expectOnce(api, runs);
  }, 60_000);

  it('that cuts connections again and again loses nothing', async () => {
    const through = proxy.urlOf(url);
    const [front, api] = await Promise.all([fleet.api(), fleet.api({ url: through }), fleet.worker({ url: through })]);
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
    const through = proxy.urlOf(url);
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
    await expectOnce(api, runs);
    proxy.swallow();
    expect(await Promise.all([terminate(api), terminate(worker)])).toEqual([0, 0]);
  }, 90_000);

  it('that cuts a worker off for longer than its lock: its handler is told, and the other result counts', async () => {
    const api = await fleet.api();
    const cutOff = await fleet.worker({ url: proxy.urlOf(url) });
    const polite = await startRun(api, report(500));
    const stubborn = await startRun(api, { task: 'stubborn', input: { ms: 32_000 } });
    await within(20_000, async () => (await fleet.told()).length === 2);
    proxy.swallow();
    const cutAt = Date.now();
    const heir = await fleet.worker();
    const lost = async (id: string) =>
      (await fleet.told(id)).find(({ pid, what }) => pid === cutOff.pid && what === 'aborted LEASE_LOST');
    await within(20_000, async () => (await lost(polite.id)) !== undefined && (await lost(stubborn.id)) !== undefined);
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
    const next = await Promise.all(Array.from({ length: 100 }, () => startRun(api, report(1))));
    await within(20_000, () => isEnded(api, next));
    expect(
      (await fleet.told()).filter(({ pid, what }) => pid === cutOff.pid && what === 'began').length,
    ).toBeGreaterThan(2);
  }, 120_000);
});
