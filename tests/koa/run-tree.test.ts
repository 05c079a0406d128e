import { afterEach, describe, expect, it } from '@jest/globals';
import { createApp } from '../../src/koa/create-app.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { defineTask } from '../../src/task/task.js';
import { aborted } from '../manager/workbench.js';
import { serve, type TestServer } from './server.js';

const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet };
let server: TestServer | undefined;
let manager: TaskManager | undefined;

afterEach(async () => {
  await server?.close();
  await manager?.close({ graceMs: 0 });
});

const leaf = defineTask({ name: 'leaf', handler: (_: unknown, ctx) => aborted(ctx.signal) });
const done = defineTask({ name: 'done', handler: () => 'a result' });
const branch = defineTask({
  name: 'branch',
  handler: async (_: unknown, ctx) => (await ctx.start(leaf, null)).result(),
});
const root = defineTask({
  name: 'root',
  handler: async (_: unknown, ctx) => {
    await (await ctx.start(done, null)).result();
    await (await ctx.start(branch, null)).result();
  },
});

async function started(): Promise<string> {
  manager = new TaskManager({ tasks: [root], concurrency: 1 });
  server = await serve(createApp({ routers: [taskRoutes({ manager })], logger }));
  const begun = manager.events();
  const answer = await fetch(`${server.url}/process`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ task: 'root', input: null }),
  });
  const { id } = (await answer.json()) as { id: string };
  for await (const event of begun) if (event.type === 'run:started' && event.task === 'leaf') break;
  return id;
}

describe('GET /process/{id}?tree=1', () => {
  it('shows a run and those below it, which a DELETE ends all', async () => {
    const id = await started();
    const url = `${String(server?.url)}/process/${id}`;
    const answer = await fetch(`${url}?tree=1`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBeNull();
    const tree: unknown = await answer.json();
    expect(tree).toMatchObject({
      ...{ id, task: 'root', status: 'running', links: { self: `/process/${id}` } },
      children: [
        { task: 'done', status: 'completed', parentId: id, result: null, children: [] },
        {
          task: 'branch',
          status: 'running',
          parentId: id,
          children: [{ task: 'leaf', status: 'running', children: [] }],
        },
      ],
    });
    expect(tree).not.toHaveProperty('truncated');
    const deleted = await fetch(url, { method: 'DELETE', headers: { prefer: 'wait=5' } });
    expect(deleted.status).toBe(200);
    const ended = await (await fetch(`${url}?tree=1`)).text();
    expect(ended.match(/"status":"[a-z]+"/g)).toEqual(
      ['cancelled', 'completed', 'cancelled', 'cancelled'].map((status) => `"status":"${status}"`),
    );
  });

  it('is no 304 because of the version of the run, while the plain run is one', async () => {
    const id = await started();
    const url = `${String(server?.url)}/process/${id}`;
    const etag = (await fetch(url)).headers.get('etag') ?? '';
    const headers = { 'if-none-match': etag };
    expect((await fetch(url, { headers })).status).toBe(304);
    expect((await fetch(`${url}?tree=1`, { headers })).status).toBe(200);
  });

  it.each(['tree=0', 'tree=', 'tree=1&tree=1', 'tree=1&x=2', 'trees=1'])('refuses other queries: %s', async (query) => {
    manager = new TaskManager();
    server = await serve(createApp({ routers: [taskRoutes({ manager })], logger }));
    expect((await fetch(`${server.url}/process/a?${query}`)).status).toBe(400);
    expect((await fetch(`${server.url}/process/a?tree=1`)).status).toBe(404);
  });
});

describe('a tree of more than a thousand runs', () => {
  it('shows a thousand and says that there are more', async () => {
    manager = new TaskManager();
    const run = await manager.start('many', async (ctx) => {
      for (let at = 0; at < 1_001; at += 1) await (await ctx.start(done, null)).result();
    });
    await run.settled();
    const tree = await manager.tree('many');
    expect(tree).toMatchObject({ truncated: true, run: { id: 'many' } });
    expect(tree?.children).toHaveLength(999);
    expect(await manager.tree('nobody')).toBeUndefined();
  });
});
