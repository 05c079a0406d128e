import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';
import { TASKS, until } from './tasks.js';

let manager: TaskManager;
let server: TestServer;

beforeAll(async () => {
  manager = new TaskManager({ tasks: TASKS });
  const app = new Koa();
  app.silent = true; // Koa reports clients that leave
  app.use(taskRoutes({ manager }).routes());
  server = await serve(app);
});

afterAll(async () => {
  await manager.close({ graceMs: 0 });
  await server.close();
});

type Body = string | Uint8Array;

function send(body: Body, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const defaults = { 'content-type': 'application/json', prefer: 'wait=5' };
  return raw(server, { method: 'POST', path: '/process', headers: { ...defaults, ...headers }, body });
}

async function codeOf(body: Body, headers: Record<string, string> = {}): Promise<[number, string | undefined]> {
  const answer = await send(body, headers);
  return [answer.status, (JSON.parse(answer.text) as { code?: string }).code];
}

/** More than Node reads ahead. */
const LONG = ' '.repeat(3_000_000);
const ECHO = '{"task":"echo","input":"é"}';

function nested(levels: number): string {
  return `{"task":"echo","input":${'['.repeat(levels)}${']'.repeat(levels)}}`;
}

describe('the body of POST /process', () => {
  describe('is taken', () => {
    it.each([
      ['as application/json', 'application/json'],
      ['with a charset', 'application/json; charset=UTF-8'],
      ['with a quoted charset', 'Application/JSON;charset="utf-8"'],
      ['with other parameters', 'application/json; profile=x'],
      ['as +json', 'application/vnd.acme.start+json'],
    ])('%s', async (_, type) => {
      const answer = await send(ECHO, { 'content-type': type });
      expect(JSON.parse(answer.text)).toMatchObject({ status: 'completed', result: 'é' });
    });

    it.each([
      ['gzip', gzipSync(ECHO)],
      ['deflate', deflateSync(ECHO)],
      ['br', brotliCompressSync(ECHO)],
      ['identity', ECHO],
    ])('packed with %s', async (encoding, body) => {
      expect((await send(body, { 'content-encoding': encoding })).status).toBe(200);
    });

    it('with a byte order mark', async () => {
      expect((await send(`\ufeff${ECHO}`)).status).toBe(200);
    });

    it('in chunks', async () => {
      expect((await send(ECHO, { 'transfer-encoding': 'chunked' })).status).toBe(200);
    });

    it('nested 64 levels deep, and no deeper', async () => {
      expect((await send(nested(63))).status).toBe(200);
      expect(await codeOf(nested(64))).toEqual([400, 'BAD_REQUEST']);
    });

    it('with brackets in texts, which are no levels', async () => {
      const input = `\\"${'['.repeat(100)}`;
      expect((await send(`{"task":"echo","input":"${input}"}`)).status).toBe(200);
    });
  });

  describe('is refused with 415', () => {
    it.each([
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=latin1',
      'application/json; charset=utf-16',
      'application/jsonp',
      'text/json',
      'application/json, text/plain',
      '',
    ])('as %s', async (type) => {
      expect(await codeOf(ECHO, { 'content-type': type })).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    });

    it('without a content type', async () => {
      const answer = await raw(server, { method: 'POST', path: '/process', body: ECHO });
      expect(answer.status).toBe(415);
    });

    it('packed in an unknown way', async () => {
      expect((await codeOf(ECHO, { 'content-encoding': 'zstd' }))[0]).toBe(415);
      expect((await codeOf(gzipSync(ECHO), { 'content-encoding': 'gzip, gzip' }))[0]).toBe(415);
    });
  });

  describe('is refused with 400', () => {
    it.each<[string, Body]>([
      ['empty', ''],
      ['no JSON', '{"task":'],
      ['two values', '{} {}'],
      ['invalid UTF-8', Buffer.from('{"task":"echo","input":"\xff"}', 'latin1')],
      ['half a character', Buffer.from('{"task":"echo","input":"\xc3"}', 'latin1')],
      ['UTF-16', Buffer.from(ECHO, 'utf16le')],
      ['500,000 arrays inside each other', '['.repeat(500_000)],
      ['500,000 objects inside each other', '{"a":'.repeat(180_000)],
      ['a member named __proto__', '{"task":"echo","input":{"__proto__":{"polluted":1}}}'],
      ['the same name in disguise', '{"task":"echo","input":[{"\\u005f_proto__":{}}]}'],
    ])('%s', async (_, body) => {
      const begun = performance.now();
      expect(await codeOf(body)).toEqual([400, 'BAD_REQUEST']);
      expect(performance.now() - begun).toBeLessThan(5_000);
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    });

    it('garbage that calls itself gzip', async () => {
      expect(await codeOf('garbage', { 'content-encoding': 'gzip' })).toEqual([400, 'BAD_REQUEST']);
      expect(await codeOf(gzipSync(ECHO).subarray(0, 20), { 'content-encoding': 'gzip' })).toEqual([
        400,
        'BAD_REQUEST',
      ]);
    });

    it('without any of itself in the answer', async () => {
      expect((await send('{"password":hunter2}')).text).not.toMatch(/hunter2|password/);
    });
  });

  describe('is refused with 413', () => {
    it.each([
      ['said to be', `Content-Length: ${LONG.length}\r\n\r\n${LONG}`],
      ['in chunks', `Transfer-Encoding: chunked\r\n\r\n${LONG.length.toString(16)}\r\n${LONG}\r\n0\r\n\r\n`],
    ])('over 1 MiB (%s), on a connection that ends with it', async (_what, rest) => {
      const socket = connect(server.port, '127.0.0.1');
      const answers = text(socket);
      socket.write(`POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${rest}`);
      socket.write('GET /process/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(await answers).toMatch(/^HTTP\/1.1 413 [^]*Connection: close[^]*"BODY_TOO_LARGE"[^}]*}$/);
    });

    it('small, and over 1 MiB when it is unpacked', async () => {
      const bomb = gzipSync(Buffer.alloc(50_000_000, 0x20));
      expect(await codeOf(bomb, { 'content-encoding': 'gzip' })).toEqual([413, 'BODY_TOO_LARGE']);
    });

    it('but not at 1 MiB', async () => {
      const body = `{"task":"echo","input":"${'x'.repeat(1_048_576 - 26)}"}`;
      expect(Buffer.byteLength(body)).toBe(1_048_576);
      expect((await send(body)).status).toBe(200);
    });
  });

  it('of a client that leaves in its middle ends nothing but its connection', async () => {
    for (const encoding of ['identity', 'gzip']) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write('POST /process HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n');
      socket.write(`Content-Encoding: ${encoding}\r\nContent-Length: 1000\r\n\r\n{"task"`);
      await until(() => server.inFlight === 1);
      socket.destroy();
      await until(() => server.inFlight === 0);
    }
    expect((await send(ECHO)).status).toBe(200);
  });
});
