import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import type { ImportService } from '../../src/koa/import-routes.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import type { RunHandle } from '../../src/manager/run-handle.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { FileTooLargeError } from '../../src/ports/files.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';
import { TASKS, until } from './tasks.js';

const MAX = 200_000;

let manager: TaskManager;
let server: TestServer;
let opened: Readable[];
let content: () => AsyncIterable<string>;
let reported: unknown[];
/** How many imports were asked for. */
let begun: number;
let got: { task: string; format: string; hash: string }[];

function sha(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Reads the body as the real one does, and starts a run that does nothing. */
const imports: ImportService = {
  maxBytes: MAX,
  start: async (task, { format, body }) => {
    begun += 1;
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX) throw new FileTooLargeError(MAX);
      hash.update(chunk as Buffer);
    }
    got.push({ task, format, hash: hash.digest('hex') });
    return (await manager.startNamed('echo', null)) as RunHandle<never>;
  },
  failures: async () => {
    const stream = Readable.from(content());
    opened.push(stream);
    return stream;
  },
};

async function start(app: Koa): Promise<void> {
  app.on('error', (error: unknown) => reported.push(error));
  app.use(taskRoutes({ manager, imports }).routes());
  server = await serve(app);
}

beforeEach(async () => {
  begun = 0;
  got = [];
  opened = [];
  reported = [];
  content = async function* () {
    yield '{"index":0}\n';
    yield '{"index":3}\n';
  };
  manager = new TaskManager({ tasks: TASKS });
  await start(new Koa());
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await server.close();
});

function send(body: string | Uint8Array, type: string, { task = 'echo', headers = {} } = {}): Promise<RawAnswer> {
  return raw(server, {
    method: 'POST',
    path: `/process/${task}/import`,
    headers: { 'content-type': type, ...headers },
    body,
  });
}

describe('POST /process/{task}/import', () => {
  it.each([
    ['text/csv', 'csv'],
    ['text/csv; charset=utf-8; header=present', 'csv'],
    ['application/x-ndjson', 'ndjson'],
    ['application/json', 'json'],
  ])('takes %s as it comes and answers 202', async (type, format) => {
    const answer = await send('[1]\n', type);
    const run = JSON.parse(answer.text) as { id: string };
    expect([answer.status, answer.headers.location]).toEqual([202, `/process/${run.id}`]);
    expect(got).toEqual([{ task: 'echo', format, hash: sha('[1]\n') }]);
  });

  it.each([
    ['a form', 'multipart/form-data; boundary=x', {}],
    ['another charset', 'text/csv; charset=latin1', {}],
    ['a packed body', 'text/csv', { 'content-encoding': 'gzip' }],
  ])('refuses %s with 415', async (_, type, headers) => {
    expect((await send('a', type, { headers })).status).toBe(415);
  });

  it('refuses an unknown task before it reads the body', async () => {
    const answer = await send('a'.repeat(MAX), 'text/csv', { task: 'nope' });
    expect([answer.status, (JSON.parse(answer.text) as { code: string }).code]).toEqual([404, 'TASK_UNKNOWN']);
    expect(got).toEqual([]);
  });

  it('refuses a body that is too long, said or not', async () => {
    const body = 'a'.repeat(MAX + 1);
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const answer = await send(body, 'text/csv', { headers });
      expect([answer.status, (JSON.parse(answer.text) as { code: string }).code]).toEqual([413, 'BODY_TOO_LARGE']);
    }
  });

  it('refuses a body that says that it is too long before it reads any of it, and ends the connection', async () => {
    const socket = connect(server.port, '127.0.0.1');
    const answer = text(socket);
    const head = 'POST /process/echo/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n';
    socket.write(`${head}Content-Length: ${MAX + 1}\r\n\r\n`);
    expect(await answer).toMatch(/^HTTP\/1\.1 413 .*Connection: close.*"BODY_TOO_LARGE"/s);
    expect(begun).toBe(0);
  });

  it('whose client leaves in the middle starts nothing and is no fault of the server', async () => {
    const reported: unknown[] = [];
    const app = new Koa();
    app.on('error', (error: Error) => reported.push(error.message));
    await server.close();
    await start(app);
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      'POST /process/echo/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 99\r\n\r\na,b',
    );
    await until(() => server.inFlight === 1);
    socket.destroy();
    await until(() => server.inFlight === 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(got).toEqual([]);
    expect(reported.filter((message) => message === 'aborted')).toEqual([]);
  });

  it('is refused while the manager closes', async () => {
    await manager.close();
    expect((await send('a', 'text/csv')).status).toBe(503);
  });

  it('takes a body that a parser of the host has read, and one that it has not', async () => {
    await server.close();
    await start(new Koa().use(bodyParser()));
    await send('[{"a": 1}]', 'application/json');
    await send('a,b\n', 'text/csv');
    expect(got.map(({ hash }) => hash)).toEqual([sha('[{"a": 1}]'), sha('a,b\n')]);
  });
});

describe('an import whose body was read before it came to the routes', () => {
  /** Reads the whole body, and leaves this. */
  async function behind(left: unknown): Promise<void> {
    await server.close();
    const app = new Koa();
    app.use(async (ctx, next) => {
      await buffer(ctx.req);
      ctx.request.body = left;
      await next();
    });
    await start(app);
  }

  it.each([
    ['a string', '[1]', '[1]'],
    ['bytes', Buffer.from('[1]'), '[1]'],
    ['an array', [{ a: 1 }], '[{"a":1}]'],
  ])('takes %s that was left of it', async (_, left, body) => {
    await behind(left);
    expect((await send('something', 'application/json')).status).toBe(202);
    expect(got).toEqual([{ task: 'echo', format: 'json', hash: sha(body) }]);
  });

  it.each([
    ['nothing', 'text/csv', undefined],
    ['an empty object', 'text/csv', {}],
    ['an object', 'application/json', { a: 1 }],
    ['an array, of lines', 'application/x-ndjson', [{ a: 1 }]],
  ])('is refused with 400 and what to do when %s was left of it: %s', async (_, type, left) => {
    await behind(left);
    const answer = await send('a,b\n1,2\n', type);
    const { code, detail } = JSON.parse(answer.text) as { code: string; detail: string };
    expect([answer.status, code]).toEqual([400, 'BAD_REQUEST']);
    expect(detail).toMatch(/mount these routes before whatever reads bodies/);
    expect(got).toEqual([]);
  });

  it('is refused also when only a part of it was read', async () => {
    await server.close();
    const app = new Koa();
    app.use(async (ctx, next) => {
      await new Promise((resolve) => ctx.req.once('data', resolve));
      ctx.req.pause();
      await next();
    });
    await start(app);
    expect((await send('a'.repeat(MAX), 'text/csv')).status).toBe(400);
    expect(got).toEqual([]);
  });
});

describe('GET /process/{id}/failures', () => {
  it('streams one line for each failed item', async () => {
    Reflect.set(manager, 'get', async () => ({ id: 'i', kind: 'import' }));
    const answer = await raw(server, { path: '/process/i/failures' });
    expect(answer.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
    expect(answer.text).toBe('{"index":0}\n{"index":3}\n');
    expect(answer.headers['cache-control']).toBe('private, no-cache');
  });

  it('answers HEAD as GET but for the lines, and closes the file that it would have sent', async () => {
    Reflect.set(manager, 'get', async () => ({ id: 'i', kind: 'import' }));
    const answer = await raw(server, { path: '/process/i/failures', method: 'HEAD' });
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(answer.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('private, no-cache');
    expect(opened.map(({ destroyed }) => destroyed)).toEqual([true]);
  });

  it('closes the file when the client leaves in the middle', async () => {
    Reflect.set(manager, 'get', async () => ({ id: 'i', kind: 'import' }));
    content = async function* () {
      for (;;) yield '{"index":0}\n';
    };
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET /process/i/failures HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await until(() => opened[0]?.destroyed === true);
    expect(reported).toEqual([]);
  });

  it.each([[[]], [['{"index":0}\n']]])('that cannot be read (after %j) are a fault of the server', async (lines) => {
    Reflect.set(manager, 'get', async () => ({ id: 'i', kind: 'import' }));
    content = async function* () {
      yield* lines;
      throw new Error('the disk is gone');
    };
    await expect(raw(server, { path: '/process/i/failures' })).rejects.toThrow();
    expect(reported).toMatchObject([{ message: 'the disk is gone' }]);
  });

  it('is 404 for unknown runs and for those that are no imports', async () => {
    expect((await raw(server, { path: '/process/none/failures' })).status).toBe(404);
    await manager.startNamed('echo', 1, { id: 'run' });
    expect((await raw(server, { path: '/process/run/failures' })).status).toBe(404);
  });
});
