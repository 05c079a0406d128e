import { execFile } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { importRuns } from '../../src/imports/import-runs.js';
import { createApp } from '../../src/koa/create-app.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { FakeClock } from '../fake-clock.js';
import { temporaryFolders } from '../temporary-folder.js';
import { serve, type TestServer } from './server.js';
import { TASKS, until } from './tasks.js';

const newFolder = temporaryFolders();
const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const MIB = 1_048_576;

let clock: FakeClock;
let manager: TaskManager;
let server: TestServer;
let reported: unknown[];
let accepted: Socket;
let sockets: Socket[];

async function start(app: Koa): Promise<void> {
  app.on('error', (error: unknown) => reported.push(error));
  server = await serve(app);
  server.server.on('connection', (socket: Socket) => (accepted = socket));
}

beforeEach(async () => {
  clock = new FakeClock();
  reported = [];
  sockets = [];
  manager = new TaskManager({ tasks: TASKS });
  const imports = importRuns({ manager, files: fileFolder({ folder: await newFolder() }), maxBytes: MIB });
  const app = new Koa();
  app.use(taskRoutes({ manager, imports, clock }).routes());
  await start(app);
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await manager.close({ graceMs: 0 });
  await server.close();
});

interface Client {
  readonly socket: Socket;
  readonly answer: Promise<string>;
}

function open(head: string): Client {
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined);
  sockets.push(socket);
  socket.write(`${head}\r\n\r\n`);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { socket, answer: new Promise((resolve) => socket.once('end', () => resolve(text))) };
}

/** Sends without an end, whatever is answered; gives how it ended. */
function flood(socket: Socket): Promise<void> {
  const piece = Buffer.alloc(65_536, 0x20);
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    const more = (): void => {
      if (socket.writable) socket.write(piece, more);
    };
    more();
  });
}

const LONG = `Content-Length: ${256 * MIB}`;
const IMPORT = 'POST /process/echo/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv';
const REFUSED = [
  ['415', `POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n${LONG}`],
  ['415', 'POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked'],
  ['413', `POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${LONG}`],
  ['413', 'POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4294967297'],
  ['413', `${IMPORT}\r\n${LONG}`],
  ['403', `${IMPORT}\r\nOrigin: https://evil.example\r\n${LONG}`],
  ['404', `${IMPORT.replace('echo', 'nope')}\r\n${LONG}`],
  ['405', `PUT /process HTTP/1.1\r\nHost: x\r\n${LONG}`],
] as const;

describe('a refusal before a long body', () => {
  it.each(REFUSED)('of %s ends the connection once the client has seen it (%#)', async (status, head) => {
    const { socket, answer } = open(head);
    expect(await answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*Connection: close.*"status":${status}`, 's'));
    expect(accepted.destroyed).toBe(false);
    socket.end();
    await until(() => accepted.destroyed && clock.pending === 0);
  });

  it('lets a client that sends on see the answer, and cuts it off after five seconds', async () => {
    const { socket, answer } = open(REFUSED[0][1]);
    const flooded = flood(socket);
    expect(await answer).toMatch(/"code":"UNSUPPORTED_MEDIA_TYPE"/);
    const read = accepted.bytesRead;
    await until(() => accepted.bytesRead > read);
    clock.advance(4_999);
    expect(accepted.destroyed).toBe(false);
    clock.advance(1);
    await flooded;
    expect([accepted.destroyed, clock.pending]).toEqual([true, 0]);
  });

  it('lets the body come to its end where the client is quick, and then ends the connection', async () => {
    const { socket, answer } = open(
      `POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${20 * MIB}`,
    );
    socket.write(Buffer.alloc(20 * MIB));
    expect(await answer).toMatch(/^HTTP\/1\.1 415 /);
    await until(() => accepted.destroyed && clock.pending === 0);
  });

  it('lets nothing begin that comes behind the body: its client would never know', async () => {
    const body = '{"task":"echo"}';
    const { socket, answer } = open(
      `POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${20 * MIB}`,
    );
    socket.write(Buffer.alloc(20 * MIB - 10));
    expect((await answer).match(/HTTP\/1\.1/g)).toHaveLength(1);
    const next = `POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
    socket.write(`${' '.repeat(10)}${next}\r\n\r\n${body}`);
    await until(() => accepted.destroyed);
    expect((await manager.list()).items).toEqual([]);
  });

  it('is not reported, whatever the client does then', async () => {
    for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
      const { socket, answer } = open(REFUSED[3][1]);
      await answer;
      socket[leave]();
      await until(() => accepted.destroyed);
    }
    expect(reported).toEqual([]);
  });

  it('comes through to fetch', async () => {
    const answer = await fetch(`${server.url}/process/nope/import`, {
      method: 'POST',
      headers: { 'Content-Type': 'text/csv' },
      body: Buffer.alloc(50 * MIB),
    });
    expect(await answer.json()).toMatchObject({ status: 404, code: 'TASK_UNKNOWN' });
  });

  it('comes through to curl', async () => {
    const args = ['-sS', '-H', 'Content-Type: text/csv', '--data-binary', '@/dev/stdin'];
    const sent = promisify(execFile)('curl', [...args, `${server.url}/process/nope/import`]);
    sent.child.stdin?.on('error', () => undefined).end(Buffer.alloc(20 * MIB));
    expect(JSON.parse((await sent).stdout)).toMatchObject({ status: 404, code: 'TASK_UNKNOWN' });
  });

  it('holds for a server of createApp too', async () => {
    await server.close();
    await start(createApp({ routers: [], logger: QUIET }));
    const { socket, answer } = open(`POST /nowhere HTTP/1.1\r\nHost: x\r\n${LONG}`);
    expect(await answer).toMatch(/^HTTP\/1\.1 404 .*Connection: close/s);
    socket.end();
    await until(() => accepted.destroyed);
  });
});

describe('a refusal before a short body', () => {
  const HEAD = 'POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 65536';
  const NEXT = 'GET /process/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

  it('leaves the connection for the next request', async () => {
    const { socket, answer } = open(HEAD);
    socket.write(`${' '.repeat(65_536)}${NEXT}`);
    expect(await answer).toMatch(/^HTTP\/1\.1 415 .*Connection: keep-alive.*HTTP\/1\.1 404 .*"RUN_NOT_FOUND"/s);
    await until(() => clock.pending === 0);
  });

  it('ends the connection when that does not come within 30 seconds', async () => {
    const { socket, answer } = open(HEAD);
    await new Promise((resolve) => socket.once('data', resolve));
    await until(() => clock.pending === 1);
    clock.advance(30_000);
    expect(await answer).toMatch(/^HTTP\/1\.1 415 /);
    expect(clock.pending).toBe(0);
  });
});
