import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import Koa, { type Context, type Next } from 'koa';
import bodyParser from 'koa-bodyparser';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { raw, serve, type TestServer } from './server.js';
import { TASKS } from './tasks.js';

let manager: TaskManager | undefined;
let server: TestServer | undefined;

afterEach(async () => {
  await manager?.close({ graceMs: 0 });
  await server?.close();
});

/** What the routes answer to a good request, in an application that has this in front of them. */
async function startBehind(middleware: readonly Koa.Middleware[], type = 'application/json'): Promise<unknown> {
  manager = new TaskManager({ tasks: TASKS });
  const app = new Koa();
  for (const each of middleware) app.use(each);
  app.use(taskRoutes({ manager, imports: false }).routes());
  server = await serve(app);
  const headers = { 'content-type': type, prefer: 'wait=5' };
  const answer = await raw(server, { method: 'POST', path: '/process', headers, body: '{"task":"echo","input":3}' });
  return JSON.parse(answer.text);
}

async function switchedOff(ctx: Context, next: Next): Promise<void> {
  Reflect.set(ctx, 'disableBodyParser', true); // how koa-bodyparser is told to leave a request alone
  await next();
}

describe('a body that a parser of the host has left alone is read', () => {
  it('where the parser takes forms only', async () => {
    const parser = bodyParser({ enableTypes: ['form'] });
    expect(await startBehind([parser])).toMatchObject({ status: 'completed', result: 3 });
  });

  it('where the parser does not know the kind of JSON', async () => {
    expect(await startBehind([bodyParser()], 'application/vnd.acme.start+json')).toMatchObject({ result: 3 });
  });

  it('where the parser was switched off for the request', async () => {
    expect(await startBehind([switchedOff, bodyParser()])).toMatchObject({ status: 'completed', result: 3 });
  });
});

it('a body that something of the host has read and not kept is refused, with what to change', async () => {
  const reader: Koa.Middleware = async (ctx, next) => {
    await text(ctx.req);
    await next();
  };
  const detail = 'The body was read before it came here: mount these routes before whatever reads bodies';
  expect(await startBehind([reader])).toMatchObject({ status: 400, code: 'BAD_REQUEST', detail });
});
