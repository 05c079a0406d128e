import { readdir, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { linkPackages, programs, startServer, type ServerProgram } from './program.js';
import { cancel, eventsOf, importProducts, look, slowProducts, startRun, type SentEvent } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();
let folder: string;
let server: ServerProgram;

beforeEach(async () => {
  folder = await makeFolder();
  server = await startServer(start, ['--examples'], { cwd: folder });
});

/** The status of `/readyz`, on a connection of its own. */
async function readiness(): Promise<number> {
  const answer = await fetch(`${server.url}/readyz`, { headers: { Connection: 'close' } });
  await answer.text();
  return answer.status;
}

/** The files that the server keeps. */
async function files(): Promise<string[]> {
  const entries = await readdir(join(folder, 'data/files'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

describe('SIGTERM', () => {
  it('lets running work end while everything but new work is answered, and the process exits with 0', async () => {
    const run = await startRun(server, { task: 'slow-report', input: { steps: 12, stepMs: 100 } });
    const watched = await fetch(server.url + run.links.events);
    server.kill('SIGTERM');
    await until(async () => (await readiness()) === 503);

    await expect(startRun(server, { task: 'slow-report' })).rejects.toThrow(/^503 .*MANAGER_CLOSED/);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect(await look(server, run)).toMatchObject({ status: 'running' });

    const seen: SentEvent[] = [];
    for await (const event of eventsOf(watched)) seen.push(event);
    expect(seen.at(-1)).toMatchObject({ event: 'done', data: { status: 'completed', result: { steps: 12 } } });
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  it('ends at once when nothing is at work, whoever is connected', async () => {
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve) => {
      request(`${server.url}/healthz`, { agent }, (answer) => answer.resume().on('end', resolve)).end();
    });
    const watching = await fetch(`${server.url}/process`, { headers: { Accept: 'text/event-stream' } });
    const silent = connect(server.port, '127.0.0.1').on('error', () => undefined);
    const begunAt = performance.now();
    server.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
    // Two seconds are for the one that never asks; work would have had ten.
    expect(performance.now() - begunAt).toBeLessThan(8_000);
    expect(server.stderr).toContain('"msg":"shut down"');
    expect(server.stderr).not.toContain('kept the process up');
    await watching.text();
    silent.destroy();
    agent.destroy();
  });

  it('leaves no files of an import behind', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => (index % 100 === 0 ? ',Mug' : `mug-${index},Mug`));
    const inMemory = await startServer(start, ['--examples'], { cwd: folder, env: { ERRAND_BACKEND: 'memory' } });
    await importProducts(inMemory, ['Handle,Title', ...rows].join('\n'));
    expect(await files()).not.toEqual([]); // what was sent, what has failed, or both
    inMemory.kill('SIGTERM');
    expect(await inMemory.ended).toMatchObject({ code: 0 });
    expect(await files()).toEqual([]);
  });

  it('lets an import that takes longer than its ten seconds go on with the next server', async () => {
    const options = { cwd: folder, env: { ERRAND_DATA: 'other' } };
    const tasks = await slowProducts(folder);
    const first = await startServer(start, tasks, options);
    const rows = Array.from({ length: 100_000 }, (_, index) => `mug-${index},Mug`);
    const run = await importProducts(first, ['Handle,Title', ...rows].join('\n'), 'slow-product');
    first.kill('SIGTERM');
    expect(await first.ended).toMatchObject({ code: 0 });
    const next = await startServer(start, tasks, options);
    const { status, progress } = await look(next, run);
    expect([status, progress?.total]).toEqual(['running', 100_000]);
    expect(progress?.done).toBeGreaterThan(100);
    expect(await cancel(next, run, 'seen enough')).toMatchObject({ status: 'cancelled', attempt: 1 });
  });

  it('ends work that takes longer than its ten seconds, and does not wait for what ignores that', async () => {
    await linkPackages(folder);
    const stubborn = `defineTask({ name: 'stubborn', handler: () => new Promise(() => setInterval(() => {}, 1_000)) })`;
    await writeFile(
      join(folder, 'tasks.mjs'),
      `import { defineTask } from 'errand'; export const stubborn = ${stubborn};`,
    );
    const env = { ERRAND_DATA: 'other' };
    const other = await startServer(start, ['--examples', '--tasks', 'tasks.mjs'], { cwd: folder, env });
    await startRun(other, { task: 'slow-report', input: { steps: 600, stepMs: 100 } });
    await startRun(other, { task: 'stubborn' });
    other.kill('SIGTERM');
    const { code, stderr } = await other.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('"interrupted":2,"waiting":0,"abandoned":1');
    expect(stderr).toContain('kept the process up');
  });

  it('given twice ends the process at once with 1', async () => {
    await startRun(server, { task: 'slow-report', input: { steps: 600, stepMs: 100 } });
    let ended = false;
    void server.ended.then(() => (ended = true));
    // One that comes at once is taken for an echo of the first.
    await until(() => {
      server.kill('SIGTERM');
      return ended;
    });
    expect(await server.ended).toMatchObject({ code: 1 });
  });

  it('that echoes does not end the process at once', async () => {
    const run = await startRun(server, { task: 'slow-report', input: { steps: 5, stepMs: 100 } });
    const watched = await fetch(server.url + run.links.events);
    server.kill('SIGTERM');
    server.kill('SIGINT');
    expect(await watched.text()).toContain('"status":"completed"');
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
  });
});

describe('SIGKILL', () => {
  it.each(['sqlite', 'memory'])(
    'leaves files behind, which the next server on %s removes when it starts',
    async (backend) => {
      const rows = Array.from({ length: 20_000 }, (_, index) => `mug-${index},Mug`);
      const env = { ERRAND_BACKEND: backend, ERRAND_DATA: 'data' };
      server.kill('SIGKILL');
      await server.ended;
      const killed = await startServer(start, ['--examples'], { cwd: folder, env });
      const run = await importProducts(killed, ['Handle,Title', ...rows].join('\n'));
      killed.kill('SIGKILL');
      await killed.ended;
      expect(await files()).not.toEqual([]);
      const next = await startServer(start, ['--examples'], { cwd: folder, env });
      if (backend === 'sqlite') await cancel(next, run, 'not needed any more');
      await until(async () => (await files().catch(() => ['half removed'])).length === 0);
    },
  );
});

describe('SIGINT', () => {
  it('does the same', async () => {
    const run = await startRun(server, { task: 'slow-report', input: { steps: 5, stepMs: 100 } });
    const watched = await fetch(server.url + run.links.events);
    server.kill('SIGINT');
    expect(await watched.text()).toContain('event: done');
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
  });
});
