import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { importRuns } from '../../src/imports/import-runs.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { FileStore } from '../../src/ports/files.js';
import { NonRetryableError } from '../../src/task/errors.js';
import { defineTask } from '../../src/task/task.js';
import { temporaryFolders } from '../temporary-folder.js';
import { raw, serve, type TestServer } from './server.js';

const SECRET = 'password is "hunter2",\t"error":{ é';
const picky = defineTask({
  name: 'picky',
  handler: (item) => {
    if (item === 'told') throw new NonRetryableError('told to callers');
    throw new Error(SECRET);
  },
});

const newFolder = temporaryFolders();
let files: FileStore;
let manager: TaskManager;
let server: TestServer;
let id: string;

beforeEach(async () => {
  files = fileFolder({ folder: await newFolder() });
  manager = new TaskManager({ tasks: [picky] });
  const imports = importRuns({ manager, files });
  const app = new Koa();
  app.use(taskRoutes({ manager, imports, prefix: '/open', exposeErrors: true }).routes());
  app.use(taskRoutes({ manager, imports, prefix: '/closed' }).routes());
  server = await serve(app);
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await server.close();
  await files.close();
});

async function importItems(items: readonly unknown[]): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(items);
  ({ id } = JSON.parse((await raw(server, { method: 'POST', path: '/open/picky/import', headers, body })).text) as {
    id: string;
  });
  await manager.handle(id).settled();
}

async function failures(prefix: string): Promise<Map<number, unknown>> {
  const { text } = await raw(server, { path: `${prefix}/${id}/failures` });
  const lines = text.split('\n').slice(0, -1);
  return new Map(lines.map((line) => JSON.parse(line) as { index: number }).map((each) => [each.index, each]));
}

describe('the failures of an import, under two mounts', () => {
  it('show messages that were not written for callers where errors are exposed, and only there', async () => {
    await importItems(['told', 'a\tb']);
    const rest = { line: null, attempts: 1 };
    const told = { ...rest, index: 0, item: 'told', error: { code: 'NON_RETRYABLE', message: 'told to callers' } };
    const secret = { ...rest, index: 1, item: 'a\tb' };
    expect([...(await failures('/open')).values()]).toEqual([
      told,
      { ...secret, error: { code: 'HANDLER_FAILED', message: SECRET } },
    ]);
    expect([...(await failures('/closed')).values()]).toEqual([
      told,
      { ...secret, error: { code: 'HANDLER_FAILED', message: 'The handler failed' } },
    ]);
  });

  it('are whole however the stored bytes are cut into pieces', async () => {
    const items = Array.from({ length: 500 }, (_, at) => 'é'.repeat(at * 3));
    await importItems(items);
    for (const [prefix, message] of [
      ['/open', SECRET],
      ['/closed', 'The handler failed'],
    ] as const) {
      const shown = await failures(prefix);
      expect(items.map((_, at) => shown.get(at))).toEqual(
        items.map((item, index) => ({
          index,
          line: null,
          item,
          error: { code: 'HANDLER_FAILED', message },
          attempts: 1,
        })),
      );
    }
  });
});
