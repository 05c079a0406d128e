import { cp, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.js';
import { importRuns } from '../../src/imports/import-runs.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { temporaryFolders } from '../temporary-folder.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';
import { TASKS, until } from './tasks.js';

const newFolder = temporaryFolders();
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A server whose runs are in a file. */
async function serveFrom(file: string): Promise<TestServer & { readonly folder: string }> {
  const manager = new TaskManager({ tasks: TASKS, backend: sqlite({ file }) });
  const files = fileFolder({ folder: join(dirname(file), 'files') });
  const app = new Koa();
  app.silent = true;
  app.use(taskRoutes({ manager, imports: importRuns({ manager, files }) }).routes());
  const server = await serve(app);
  ends.push(async () => {
    await manager.close({ graceMs: 0 });
    await server.close();
    await files.close();
  });
  return { ...server, folder: dirname(file) };
}

/** A server that begins where the first one would be found if it were killed now. */
async function killed(file: string): Promise<TestServer & { readonly folder: string }> {
  const folder = await newFolder();
  await cp(dirname(file), folder, { recursive: true });
  return serveFrom(join(folder, basename(file)));
}

function post(server: TestServer, body: object, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const all = { 'content-type': 'application/json', ...headers };
  return raw(server, { method: 'POST', path: '/process', headers: all, body: JSON.stringify(body) });
}

function parsed({ text }: RawAnswer): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

async function run(server: TestServer, id: string): Promise<Record<string, unknown>> {
  return parsed(await raw(server, { path: `/process/${id}` }));
}

describe('a server whose runs are in a file', () => {
  it('shows, after it was killed, what it has answered with, and tries again what was at work', async () => {
    const file = join(await newFolder(), 'errand.db');
    const before = await serveFrom(file);
    const headers = { prefer: 'wait=5', 'idempotency-key': 'k' };
    const echoed = await post(before, { task: 'echo', input: { a: 1 } }, headers);
    expect(echoed.status).toBe(200);
    const { id } = parsed(echoed);
    await post(before, { task: 'endless', id: 'endless' });
    await until(async () => (await run(before, 'endless'))['status'] === 'running');

    const after = await killed(file);
    expect(await run(after, String(id))).toEqual(parsed(echoed));
    expect(parsed(await raw(after, { path: `/process/${String(id)}/result` }))).toEqual({ a: 1 });
    const again = await post(after, { task: 'echo', input: { a: 1 } }, headers);
    expect([again.headers['idempotency-replayed'], parsed(again)['id']]).toEqual(['true', id]);
    await until(async () => (await run(after, 'endless'))['status'] === 'running');
    await raw(after, { method: 'DELETE', path: '/process/endless', headers: { prefer: 'wait=5' } });
    expect(await run(after, 'endless')).toMatchObject({ status: 'cancelled', attempt: 1 });
  });

  it('goes on with an import whose process was killed, and shows its failures, also after another restart', async () => {
    const file = join(await newFolder(), 'errand.db');
    const before = await serveFrom(file);
    const answer = await raw(before, {
      method: 'POST',
      path: '/process/endless/import',
      headers: { 'content-type': 'application/x-ndjson' },
      body: 'no JSON\n{}\n',
    });
    const id = String(parsed(answer)['id']);
    await until(async () => (await run(before, id))['progress'] !== null);
    await until(async () => (await raw(before, { path: `/process/${id}/failures` })).text !== '');

    const after = await killed(file);
    await until(async () => (await run(after, id))['status'] === 'running');
    const ended = await raw(after, { method: 'DELETE', path: `/process/${id}`, headers: { prefer: 'wait=5' } });
    expect(parsed(ended)).toMatchObject({
      ...{ kind: 'import', status: 'cancelled', attempt: 1 },
      result: { total: 2, succeeded: 0, failed: 1, cancelled: 1 },
    });
    for (const server of [after, await killed(join(after.folder, 'errand.db'))]) {
      const { status, text } = await raw(server, { path: `/process/${id}/failures` });
      expect([status, JSON.parse(text)]).toEqual([200, expect.objectContaining({ index: 0, line: 1, item: null })]);
    }
  });

  it('says of an import whose file is gone that it has failed, and why', async () => {
    const file = join(await newFolder(), 'errand.db');
    const before = await serveFrom(file);
    const headers = { 'content-type': 'application/x-ndjson' };
    const id = String(
      parsed(await raw(before, { method: 'POST', path: '/process/endless/import', headers, body: '{}\n' }))['id'],
    );
    await until(async () => (await run(before, id))['status'] === 'running');
    await rm(join(dirname(file), 'files'), { recursive: true });
    const after = await killed(file);
    await until(async () => (await run(after, id))['status'] === 'failed');
    expect(await run(after, id)).toMatchObject({
      error: { code: 'BACKEND', message: 'The file could not be read: the file is not there' },
    });
  });
});
