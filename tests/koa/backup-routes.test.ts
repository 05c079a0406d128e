import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.js';
import type { SqliteBackend } from '../../src/backends/sqlite/sqlite-options.js';
import { backup as backupCommand } from '../../src/cli/backup.js';
import { backupRoutes, type BackupRoutesOptions } from '../../src/koa/backup-routes.js';
import { createApp } from '../../src/koa/create-app.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { defineTask } from '../../src/task/task.js';
import { FakeClock } from '../fake-clock.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { raw, serve, type TestServer } from './server.js';

const makeFolder = temporaryFolders();
const echo = defineTask({ name: 'echo', handler: (input: string) => input });
let folder: string;
let backend: SqliteBackend;
let manager: TaskManager;
let server: TestServer;
let logged: unknown[];

beforeEach(async () => {
  const data = await makeFolder();
  folder = join(data, 'backups');
  logged = [];
  backend = sqlite({ file: join(data, 'errand.db') });
  manager = new TaskManager({ backend, tasks: [echo] });
  await manager.open();
  server = await listen({ backup: (to) => backend.backup(to) });
});

afterEach(async () => {
  await server.close();
  await manager.close();
});

function listen(options: Pick<BackupRoutesOptions, 'backup'>): Promise<TestServer> {
  const ignore = (): void => undefined;
  const logger = { debug: ignore, info: ignore, warn: ignore, error: (details: unknown) => void logged.push(details) };
  const routes = backupRoutes({ folder, logger, clock: new FakeClock(), ...options });
  return serve(createApp({ routers: [routes], logger }));
}

describe('POST /backup', () => {
  it('answers 201 with the name of a copy that has all runs', async () => {
    const { id } = await manager.start(echo, 'a');
    const answer = await raw(server, { method: 'POST', path: '/backup' });
    expect([answer.status, answer.headers['cache-control']]).toEqual([201, 'private, no-cache']);
    const { file, bytes, createdAt } = JSON.parse(answer.text) as { file: string; bytes: number; createdAt: string };
    expect(file).toMatch(/^errand-\d{8}T\d{9}Z\.db$/);
    expect(new Date(createdAt).toISOString()).toBe(createdAt);
    expect((await stat(join(folder, file))).size).toBe(bytes);
    const copy = new TaskManager({ backend: sqlite({ file: join(folder, file) }), tasks: [echo] });
    expect(await copy.get(id)).toBeDefined();
    await copy.close();
  });

  it('gives each copy a name of its own, at one and the same time', async () => {
    const post = () => raw(server, { method: 'POST', path: '/backup' });
    expect([(await post()).status, (await post()).status]).toEqual([201, 201]);
    expect(await readdir(folder)).toHaveLength(2);
  });

  it('makes one copy at a time, and asks others to come again', async () => {
    let done = (): void => undefined;
    const held = new Promise<void>((resolve) => (done = resolve));
    const slow = await listen({ backup: () => held.then(() => ({ bytes: 1 })) });
    const post = () => raw(slow, { method: 'POST', path: '/backup' });
    const first = post();
    await until(() => slow.inFlight === 1);
    const second = await post();
    expect([second.status, second.headers['retry-after']]).toEqual([503, '5']);
    done();
    expect((await first).status).toBe(201);
    expect((await post()).status).toBe(201);
    await slow.close();
  });

  it('removes what a killed process has left of a copy, and nothing else', async () => {
    await mkdir(folder);
    const partial = 'errand-20261121T074910516Z.db.partial';
    for (const name of [partial, 'errand-20261121T074910516Z.db', 'mine.partial'])
      await writeFile(join(folder, name), 'x');
    await raw(server, { method: 'POST', path: '/backup' });
    expect(await readdir(folder)).toHaveLength(3);
    expect(await readdir(folder)).not.toContain(partial);
  });

  it('is open to this user only', async () => {
    await raw(server, { method: 'POST', path: '/backup' });
    expect((await stat(folder)).mode & 0o077).toBe(0);
  });

  it.each([
    ['a query', { path: '/backup?file=/etc/passwd' }, 400],
    ['a page of another site', { path: '/backup', headers: { origin: 'https://evil.example' } }, 403],
    ['another path', { path: '/backup/a' }, 404],
  ])('refuses %s', async (_what, request, status) => {
    expect((await raw(server, { method: 'POST', ...request })).status).toBe(status);
    expect(await readdir(folder).catch(() => [])).toEqual([]);
  });

  it('is the only method', async () => {
    const answer = await raw(server, { path: '/backup' });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'OPTIONS, POST']);
  });

  it('that finds no folder is 500, says nothing of paths, and is logged', async () => {
    await writeFile(folder, 'no folder');
    const answer = await raw(server, { method: 'POST', path: '/backup' });
    expect([answer.status, answer.text.includes(folder)]).toEqual([500, false]);
    expect(logged).toHaveLength(1);
  });

  it('of a backend that refuses is 503', async () => {
    await manager.close();
    const answer = await raw(server, { method: 'POST', path: '/backup' });
    expect([answer.status, answer.text.includes(folder)]).toEqual([503, false]);
  });
});

describe('backupRoutes', () => {
  const backup = (): Promise<{ bytes: number }> => Promise.resolve({ bytes: 0 });

  it.each([
    [{ backup, folder: '' }],
    [{ backup, folder: 7 }],
    [{ backup: 'no', folder: 'a' }],
    [{ backup, folder: 'a', prefix: 'no-slash' }],
    [{ backup, folder: 'a', unknown: 1 }],
  ])('refuses %p', (options) => {
    expect(() => backupRoutes(options as BackupRoutesOptions)).toThrow(/must|option/);
  });
});

describe('errand backup', () => {
  it('says where the copy is', async () => {
    const told = await backupCommand([], { ERRAND_URL: server.url });
    const [name] = await readdir(folder);
    expect(told).toContain(`${String(name)} (`);
    expect(told).toContain('backups');
  });

  it.each<{ what: string; args?: string[]; url: (own: string) => string; exitCode: number; says: string }>([
    {
      what: 'of a server that keeps no file says so',
      url: (own) => `${own}/other/`,
      exitCode: 1,
      says: 'ERRAND_BACKEND',
    },
    {
      what: 'without a server says how to start one',
      url: () => 'http://127.0.0.1:1',
      exitCode: 1,
      says: 'errand serve',
    },
    { what: 'of something else than a URL is refused', url: () => 'localhost', exitCode: 2, says: 'ERRAND_URL must' },
    { what: 'shows no password', url: () => 'http://a:secret@localhost', exitCode: 2, says: 'without a user' },
    {
      what: 'of a name is refused: the server has it',
      args: ['a.db'],
      url: (own) => own,
      exitCode: 2,
      says: 'no arguments',
    },
  ])('$what', async ({ args = [], url, exitCode, says }) => {
    const refusal = await backupCommand(args, { ERRAND_URL: url(server.url) }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ exitCode });
    expect(String(refusal)).toContain(says);
    expect(String(refusal)).not.toContain('secret');
  });

  it('says what the server said was wrong', async () => {
    await manager.close();
    await expect(backupCommand([], { ERRAND_URL: server.url })).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/^the server answered 503: .+/),
    });
  });

  it('shows its help', async () => {
    expect(await backupCommand(['--help'], {})).toBe('help');
  });
});
