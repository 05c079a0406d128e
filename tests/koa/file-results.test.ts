import { readdirSync, rmSync, truncateSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { createApp } from '../../src/koa/create-app.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { FileStore } from '../../src/ports/files.js';
import { collectGarbage } from '../collect-garbage.js';
import { openFiles } from '../open-files.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';

const MIB = 1_048_576;
const nothing = (): void => undefined;
const newFolder = temporaryFolders();

let folder: string;
let files: FileStore;
let manager: TaskManager;
let server: TestServer;

beforeEach(async () => {
  folder = await newFolder();
  files = fileFolder({ folder });
  manager = new TaskManager({ files });
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  server = await serve(createApp({ routers: [taskRoutes({ manager, logger })], manager, logger }));
});

afterEach(async () => {
  await server.close();
  await manager.close({ graceMs: 0 });
  await files.close();
});

async function store(name: string, text: string, type = 'text/html'): Promise<void> {
  await (await manager.start('report', (ctx) => ctx.file(name, text, { type }))).result();
}

async function* pieces(count: number): AsyncGenerator<Buffer> {
  for (let left = count; left > 0; left -= 1) yield await Promise.resolve(Buffer.alloc(MIB, left % 256));
}

const get = (path: string, method = 'GET'): Promise<RawAnswer> => raw(server, { method, path });

/** The path of the only file. */
function stored(): string {
  const [entry] = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  if (entry === undefined) throw new Error('there is no file');
  return join(entry.parentPath, entry.name);
}

describe('the file of a run', () => {
  it('is streamed as an attachment, that no browser shows in the name of the server', async () => {
    await store('Bericht für "März" 100%.html', '<script>alert(1)</script>');
    const { status, headers, text } = await get('/process/report/result');
    expect([status, text]).toEqual([200, '<script>alert(1)</script>']);
    expect(headers).toMatchObject({
      'content-type': 'text/html',
      'content-length': '25',
      'content-disposition': `attachment; filename="Bericht f_r _M_rz_ 100_.html"; filename*=UTF-8''Bericht%20f%C3%BCr%20%22M%C3%A4rz%22%20100%25.html`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cache-control': 'private, no-cache',
      'accept-ranges': 'none',
    });
  });

  it.each([`it's (1)*.txt`, '文件.txt', '; filename=evil.exe', '🚀'])('may be called %s', async (name) => {
    await store(name, 'x');
    const { headers } = await get('/process/report/result');
    const [, encoded = ''] =
      /^attachment; filename="[\w .()-]*"; filename\*=UTF-8''([\w.!~%-]*)$/.exec(
        String(headers['content-disposition']),
      ) ?? [];
    expect(decodeURIComponent(encoded)).toBe(name);
  });

  it('is shown as what it is, and where, without the name that the store knows it by', async () => {
    await store('a.html', 'text');
    const { text } = await get('/process/report');
    const { result, links } = JSON.parse(text) as { result: unknown; links: unknown };
    expect(result).toEqual({ file: { name: 'a.html', type: 'text/html', bytes: 4 } });
    expect(links).toMatchObject({ self: '/process/report', result: '/process/report/result' });
    const events = await get('/process/report/events');
    const list = await get('/process');
    const name = stored().split('/').at(-1) ?? '';
    for (const shown of [text, events.text, list.text]) expect(shown).not.toContain(name.slice(0, 16));
    expect(events.text).toContain('"file":{"name":"a.html"');
  });

  it('answers HEAD with its headers', async () => {
    await store('a.html', 'text');
    const { status, headers, text } = await get('/process/report/result', 'HEAD');
    expect([status, headers['content-length'], text]).toEqual([200, '4', '']);
    await until(async () => (await openFiles(folder)).length === 0);
  });

  it('that is not there any more is 410', async () => {
    await store('a.html', 'text');
    rmSync(stored());
    const { status, text } = await get('/process/report/result');
    expect([status, JSON.parse(text)]).toEqual([410, expect.objectContaining({ code: 'NOT_FOUND' })]);
    expect(text).not.toContain(folder);
  });

  it('that was cut does not look whole', async () => {
    await store('a.html', 'x'.repeat(100_000));
    truncateSync(stored(), 70_000);
    await expect(get('/process/report/result')).rejects.toMatchObject({ code: 'ECONNRESET' });
    await until(() => server.inFlight === 0);
  });

  it('of 50 MB streams in and out without being in memory, also to a client that is slow', async () => {
    const before = used();
    let most = 0;
    const look = (): void => void (most = Math.max(most, used()));
    const watched = async function* (): AsyncGenerator<Buffer> {
      for (let group = 0; group < 5; group += 1) {
        yield* pieces(10);
        look();
      }
    };
    const run = await manager.start('report', (ctx) => ctx.file('big.bin', watched()));
    expect(await run.result()).toMatchObject({ bytes: 50 * MIB });
    const { port } = server;
    let bytes = 0;
    await new Promise<void>((resolve, reject) => {
      request({ port, path: '/process/report/result', agent: false }, (res) => {
        res.on('data', (chunk: Buffer) => {
          const before = bytes;
          bytes += chunk.length;
          if (Math.floor(bytes / (10 * MIB)) > Math.floor(before / (10 * MIB))) look();
          res.pause();
          setImmediate(() => res.resume());
        });
        res.on('end', resolve).on('error', reject);
      }).end();
    });
    expect(bytes).toBe(50 * MIB);
    expect(most - before).toBeLessThan(10 * MIB);
  });

  it('is closed when its client leaves', async () => {
    await (await manager.start('report', (ctx) => ctx.file('big.bin', pieces(50)))).result();
    await new Promise<void>((resolve) => {
      const req = request({ port: server.port, path: '/process/report/result', agent: false }, (res) => {
        res.once('data', () => req.destroy());
        res.on('error', () => undefined).on('close', resolve);
      });
      req.on('error', () => undefined).end();
    });
    await until(async () => (await openFiles(folder)).length === 0 && server.inFlight === 0);
    expect((await get('/process/report')).status).toBe(200);
  });

  it('is closed when its client leaves who has asked for it several times ahead', async () => {
    await (await manager.start('report', (ctx) => ctx.file('big.bin', pieces(50)))).result();
    const socket = connect(server.port, '127.0.0.1').on('error', nothing);
    socket.write('GET /process/report/result HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5));
    await until(async () => (await openFiles(folder)).length === 5);
    socket.destroy();
    await until(async () => (await openFiles(folder)).length === 0);
  });
});

/** What buffers take when those that nobody needs are gone. */
function used(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}
