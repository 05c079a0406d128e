import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import { fileError } from '../../src/backends/files/file-errors.js';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import type { ImportOptions } from '../../src/imports/import-options.js';
import { importRuns } from '../../src/imports/import-runs.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { FileStore } from '../../src/ports/files.js';
import { temporaryFolders } from '../temporary-folder.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';
import { TASKS } from './tasks.js';

const newFolder = temporaryFolders();

let folder: string;
let files: FileStore;
let manager: TaskManager;
let server: TestServer;

async function start(imported: Partial<ImportOptions> = {}, options: ManagerOptions = {}): Promise<void> {
  manager = new TaskManager({ tasks: TASKS, ...options });
  await manager.queues.pause('default');
  const imports = importRuns({ manager, files, ...imported });
  const app = new Koa();
  app.silent = true;
  app.use(taskRoutes({ manager, imports }).routes());
  server = await serve(app);
}

beforeEach(async () => {
  folder = await newFolder();
  files = fileFolder({ folder });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await server.close();
  await files.close();
});

function send(body: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const all = { 'content-type': 'application/x-ndjson', ...headers };
  return raw(server, { method: 'POST', path: '/process/echo/import', headers: all, body });
}

function parsed({ text }: RawAnswer): { readonly id: string; readonly code: string; readonly detail: string } {
  return JSON.parse(text) as { id: string; code: string; detail: string };
}

function stored(): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe('an import for which there is no room', () => {
  it.each([{}, { 'transfer-encoding': 'chunked' }])(
    'is refused with 429 and what to do, headers %j',
    async (headers) => {
      await start({ maxBytes: 1_000, maxSpoolBytes: 2_000 });
      const lines = '[1]\n'.repeat(150);
      expect((await send(lines, headers)).status).toBe(202);
      const answer = await send(lines, headers);
      expect([answer.status, answer.headers['content-type']]).toEqual([429, expect.stringContaining('problem+json')]);
      expect(parsed(answer).code).toBe('QUEUE_FULL');
      expect(parsed(answer).detail).toMatch(/send the file again when some have ended, or cancel some/);
      expect(answer.headers['retry-after']).toBe('1');
      expect(stored()).toHaveLength(1);
    },
  );
});

describe('an import on a disk that is full', () => {
  it('is answered with 503, and nothing of it is left behind', async () => {
    const full = fileError('The file could not be stored', Object.assign(new Error('write'), { code: 'ENOSPC' }));
    const failing: FileStore = {
      belongTo: (store, inUse) => files.belongTo(store, inUse),
      removeUnused: (inUse) => files.removeUnused(inUse),
      labelled: () => files.labelled(),
      put: (source, options) => {
        let bytes = 0;
        const onBytes = (piece: Uint8Array): void => {
          options.onBytes?.(piece);
          if ((bytes += piece.length) > 100_000) throw full;
        };
        return files.put(source, { ...options, onBytes });
      },
      append: (name, options) => files.append(name, options),
      open: (name, range) => files.open(name, range),
      remove: (name) => files.remove(name),
      sweep: () => files.sweep(),
      close: () => files.close(),
    };
    await start({ files: failing });
    const answer = await send('[1]\n'.repeat(100_000));
    expect([answer.status, parsed(answer).code]).toEqual([503, 'BACKEND']);
    expect(answer.text).not.toContain(folder);
    expect(stored()).toEqual([]);
    expect((await send('[1]\n')).status).toBe(202);
  });
});

describe('an import with an Idempotency-Key', () => {
  const key = { 'idempotency-key': 'monday' };

  it('that comes again with the same body gives the same run, and its body is kept once', async () => {
    await start({}, { queueLimit: 1 });
    const first = await send('[1]\n[2]\n', key);
    const again = await send('[1]\n[2]\n', { ...key, 'transfer-encoding': 'chunked' });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(parsed(again).id).toBe(parsed(first).id);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true', location: first.headers.location });
    expect(stored()).toHaveLength(1);
    await manager.queues.resume('default');
    expect((await manager.handle(parsed(first).id).settled()).result).toMatchObject({ total: 2, succeeded: 2 });
    expect(parsed(await send('[1]\n[2]\n', key))).toMatchObject({ id: parsed(first).id, status: 'completed' });
  });

  it('is refused with 422 when the key stands for another body, format, task or a run', async () => {
    await start();
    await send('[1]\n', key);
    const body = JSON.stringify({ task: 'echo', input: null });
    const json = { 'content-type': 'application/json' };
    const answers = [
      await send('[2]\n', key),
      await send('[1]\n', { ...key, ...json }),
      await raw(server, {
        method: 'POST',
        path: '/process/strict/import',
        headers: { ...json, ...key },
        body: '[1]\n',
      }),
      await raw(server, { method: 'POST', path: '/process', headers: { ...json, ...key }, body }),
    ];
    expect(answers.map((each) => [each.status, parsed(each).code])).toEqual(answers.map(() => [422, 'KEY_REUSED']));
    expect(stored()).toHaveLength(1);
  });

  it('that is malformed is refused before the body is read', async () => {
    await start();
    expect((await send('[1]\n', { 'idempotency-key': 'a b' })).status).toBe(400);
    expect(stored()).toEqual([]);
  });
});
