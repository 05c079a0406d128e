import { afterEach, beforeEach, expect, it } from '@jest/globals';
import Koa from 'koa';
import { memoryBackend } from '../../src/backends/memory/memory-backend.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { serve, type TestServer } from './server.js';
import { TASKS } from './tasks.js';

/** 30 kB of text that takes 400 kB of memory. */
const SWELLING = `[${'[],'.repeat(10_000)}[]]`;

let manager: TaskManager;
let server: TestServer;

beforeEach(async () => {
  manager = new TaskManager({ tasks: TASKS, backend: memoryBackend({ maxBytes: 1_048_576 }) });
  const app = new Koa();
  app.use(taskRoutes({ manager }).routes());
  server = await serve(app);
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await server.close();
});

function post(id: string): Promise<Response> {
  return fetch(`${server.url}/process`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"task":"echo","id":"${id}","delayMs":3600000,"input":${SWELLING}}`,
  });
}

it('runs that wait fill the memory of the server no further than its budget, and make room when they are cancelled', async () => {
  for (const id of ['a', 'b']) expect((await post(id)).status).toBe(202);
  for (let n = 0; n < 10; n += 1) {
    const refused = await post('c');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await refused.json()).toMatchObject({ code: 'QUEUE_FULL', detail: expect.stringContaining('memory') });
  }
  expect((await fetch(`${server.url}/process/a`, { method: 'DELETE' })).status).toBe(200);
  expect((await post('c')).status).toBe(202);
  expect((await manager.list({ status: ['scheduled'] })).items.map(({ id }) => id)).toEqual(['c', 'b']);
});
