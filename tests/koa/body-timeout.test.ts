import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { importRuns } from '../../src/imports/import-runs.js';
import type { ImportService } from '../../src/koa/import-routes.js';
import { scheduleRoutes } from '../../src/koa/schedule-routes.js';
import { taskRoutes, type TaskRoutesOptions } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { FileStore } from '../../src/ports/files.js';
import { FakeClock } from '../fake-clock.js';
import { temporaryFolders } from '../temporary-folder.js';
import { raw, serve, type TestServer } from './server.js';
import { TASKS, until } from './tasks.js';

const newFolder = temporaryFolders();

let clock: FakeClock;
let folder: string;
let files: FileStore;
let manager: TaskManager;
let server: TestServer;
let reported: unknown[];
/** The server's side of the last connection. */
let accepted: Socket;

async function start(options: Partial<TaskRoutesOptions> = {}): Promise<void> {
  const imports = importRuns({ manager, files });
  const app = new Koa();
  app.on('error', (error: unknown) => reported.push(error));
  app.use(taskRoutes({ manager, imports, clock, ...options }).routes());
  const { bodyTimeoutMs } = options;
  app.use(scheduleRoutes({ manager, clock, ...(bodyTimeoutMs !== undefined && { bodyTimeoutMs }) }).routes());
  server = await serve(app);
  server.server.on('connection', (socket: Socket) => (accepted = socket));
}

beforeEach(async () => {
  clock = new FakeClock();
  reported = [];
  folder = await newFolder();
  files = fileFolder({ folder });
  manager = new TaskManager({ tasks: TASKS });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await server.close();
  await files.close();
});

function stored(): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

/** A client that says how long its body is going to be, and sends it piece by piece. */
class SlowClient {
  readonly answer: Promise<string>;
  readonly #socket: Socket;
  #sent = 0;

  /** @param target a path, which is posted to, or a method and a path. */
  constructor(target: string, headers: string) {
    this.#socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
    this.answer = text(this.#socket).catch(() => '');
    const line = target.startsWith('/') ? `POST ${target}` : target;
    this.#write(`${line} HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`);
  }

  /** Resolves once the server has read it, and has set or put off what waits for it. */
  async send(piece: string): Promise<void> {
    this.#write(piece);
    await until(() => (accepted as Socket | undefined)?.bytesRead === this.#sent && clock.pending > 0);
  }

  /** The last piece. */
  finish(piece: string): void {
    this.#write(piece);
  }

  leave(): void {
    this.#socket.destroy();
  }

  #write(data: string): void {
    this.#sent += data.length;
    this.#socket.write(data);
  }
}

const NDJSON = 'Content-Type: application/x-ndjson';
const JSON_TYPE = 'Content-Type: application/json';
const CLIENTS = [
  ['an import', '/process/echo/import', `${NDJSON}\r\nContent-Length: 1000`, '[1]\n'],
  ['an import in chunks', '/process/echo/import', `${NDJSON}\r\nTransfer-Encoding: chunked`, '4\r\n[1]\n\r\n'],
  ['JSON', '/process', `${JSON_TYPE}\r\nContent-Length: 1000`, '{"task"'],
  ['JSON in chunks', '/process', `${JSON_TYPE}\r\nTransfer-Encoding: chunked`, '4\r\n{"ta\r\n'],
  ['a schedule', 'PUT /schedules/nightly', `${JSON_TYPE}\r\nContent-Length: 1000`, '{"task"'],
] as const;

describe.each(CLIENTS)('a body of which nothing more comes: %s', (_what, target, headers, piece) => {
  it('is answered with 408 after 30 seconds, and its connection ends', async () => {
    await start();
    const client = new SlowClient(target, headers);
    await client.send(piece);
    clock.advance(29_999);
    await raw(server, { path: '/process' });
    expect(server.inFlight).toBe(1);
    clock.advance(1);
    const [head = '', body = ''] = (await client.answer).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 408 /);
    expect(head).toContain('Connection: close');
    expect(head).toContain('Content-Type: application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ status: 408, code: 'HTTP_ERROR' });
  });

  it('leaves no file, no run, no report and no timer', async () => {
    await start();
    const client = new SlowClient(target, headers);
    await client.send(piece);
    clock.advance(30_000);
    await client.answer;
    await until(() => accepted.destroyed && clock.pending === 0 && stored().length === 0);
    expect([(await manager.list()).items, reported]).toEqual([[], []]);
  });
});

describe('a body that comes slowly', () => {
  it('of an import is taken, however long it takes', async () => {
    await start();
    const lines = ['[1]\n', '[2]\n', '[3]\n', '[4]\n'];
    const client = new SlowClient('/process/echo/import', `${NDJSON}\r\nConnection: close\r\nContent-Length: 16`);
    for (const line of lines.slice(0, -1)) {
      await client.send(line);
      clock.advance(29_000);
    }
    client.finish('[4]\n');
    expect(await client.answer).toMatch(/^HTTP\/1\.1 202 /);
    expect(clock.pending).toBe(0);
  });

  it('of JSON is taken, however long it takes', async () => {
    await start();
    const body = '{"task":"echo"}';
    const client = new SlowClient('/process', `${JSON_TYPE}\r\nConnection: close\r\nContent-Length: ${body.length}`);
    for (const piece of [body.slice(0, 5), body.slice(5, 10)]) {
      await client.send(piece);
      clock.advance(29_000);
    }
    client.finish(body.slice(10));
    expect(await client.answer).toMatch(/^HTTP\/1\.1 202 /);
    expect(clock.pending).toBe(0);
  });

  it('because whoever reads it is slow is not the fault of its client', async () => {
    let go: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => (go = resolve));
    const put = files.put.bind(files);
    files.put = async (source, options) => {
      const stored = source.iterator({ destroyOnReturn: false });
      await stored.next();
      await slow;
      return put(source, options);
    };
    await start();
    const long = '[1]\n'.repeat(100_000);
    const answer = raw(server, {
      method: 'POST',
      path: '/process/echo/import',
      headers: { 'content-type': 'application/x-ndjson' },
      body: long,
    });
    await until(() => (accepted as Socket | undefined)?.bytesRead !== undefined && accepted.bytesRead > 65_536);
    await until(() => clock.pending === 0);
    clock.advance(100_000);
    go();
    expect((await answer).status).toBe(202);
  });
});

describe('bodyTimeoutMs', () => {
  it('says how long nothing may come', async () => {
    await start({ bodyTimeoutMs: 100 });
    const client = new SlowClient('/process', `${JSON_TYPE}\r\nContent-Length: 100`);
    await client.send('{');
    clock.advance(100);
    expect(await client.answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('says so of schedules, too', async () => {
    await start({ bodyTimeoutMs: 100 });
    const client = new SlowClient('PUT /schedules/nightly', `${JSON_TYPE}\r\nContent-Length: 100`);
    await client.send('{');
    clock.advance(100);
    expect(await client.answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('waits for ever as Infinity', async () => {
    await start({ bodyTimeoutMs: Infinity });
    const client = new SlowClient('/process', `${JSON_TYPE}\r\nContent-Length: 100`);
    await until(() => server.inFlight === 1);
    expect(clock.pending).toBe(0);
    client.leave();
    await until(() => server.inFlight === 0);
  });

  it.each([0, -1, NaN, 1e12, '30'])('is refused as %p', async (bodyTimeoutMs) => {
    await start();
    expect(() => taskRoutes({ manager, imports: false, bodyTimeoutMs: bodyTimeoutMs as number })).toThrow(
      /bodyTimeoutMs must be/,
    );
  });
});

describe('a client that leaves', () => {
  let ended = 0;
  beforeEach(() => void (ended = 0));

  /** An import service that reads the body once `ready` has come true. */
  function readsWhen(ready: () => boolean): ImportService {
    return {
      maxBytes: 1_000,
      failures: async () => undefined,
      start: async (_task, { body }) => {
        await until(ready);
        await buffer(body).finally(() => (ended += 1));
        throw new Error('the body came to an end');
      },
    };
  }

  it.each([
    ['before its body is read', 0, () => server.inFlight === 0],
    ['while its body is read', 1, () => true],
  ])('%s leaves no timer and no wait', async (_when, timers, ready) => {
    await start({ imports: readsWhen(ready) });
    const client = new SlowClient('/process/echo/import', `${NDJSON}\r\nContent-Length: 100`);
    await until(() => server.inFlight === 1 && clock.pending === timers);
    client.leave();
    await until(() => server.inFlight === 0 && ended === 1);
    expect(clock.pending).toBe(0);
    // What Koa itself makes of a broken connection.
    expect(reported.filter((error) => Reflect.get(Object(error), 'code') !== 'HPE_INVALID_EOF_STATE')).toEqual([]);
  });
});
