import { once } from 'node:events';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import sharp from 'sharp';
import { imageRoute } from '../../src/examples/images/image-route.js';
import { makeThumbnail } from '../../src/examples/images/make-thumbnail.js';
import type { RunResource } from '../../src/http-api/run-resource.js';
import { TaskManager } from '../../src/index.js';
import { serve } from '../koa/server.js';
import { programs, type ServerProgram, startServer } from '../scenarios/program.js';
import { finished } from '../scenarios/runs.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';

const makeFolder = temporaryFolders(afterAll);
const start = programs(afterAll);
let folder: string;
let server: ServerProgram;

beforeAll(async () => {
  folder = await makeFolder();
  server = await startServer(start, ['--examples'], { cwd: folder });
});

function picture(width: number, height: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
}

interface Sent {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function send(bytes: Uint8Array, name = 'cat.png', part = 'image'): Promise<Sent> {
  const body = new FormData();
  body.append(part, new Blob([new Uint8Array(bytes)]), name);
  const answer = await fetch(`${server.url}/examples/images`, { method: 'POST', body });
  return { status: answer.status, body: (await answer.json()) as Sent['body'] };
}

async function ended(id: unknown): Promise<RunResource> {
  return finished(server, { links: { self: `/process/${String(id)}` } } as RunResource);
}

const uploads = (): Promise<string[]> => readdir(join(folder, 'data/examples/uploads'));

describe('make-thumbnail', () => {
  it('makes a picture at most 500×500 in a thread, and leaves nothing of the upload', async () => {
    const { status, body } = await send(await picture(1_600, 800), '../../etc/passwd');
    expect([status, body]).toMatchObject([202, { id: expect.stringMatching(/^thumbnail-[0-9a-f]{32}$/) }]);
    expect(await ended(body['id'])).toMatchObject({
      status: 'completed',
      progress: { note: '500×250' },
      result: { file: { name: 'thumbnail.webp', type: 'image/webp' } },
    });
    const answer = await fetch(`${server.url}/process/${String(body['id'])}/result`);
    const made = await sharp(Buffer.from(await answer.arrayBuffer())).metadata();
    expect(made).toMatchObject({ format: 'webp', width: 500, height: 250 });
    await until(async () => (await uploads()).length === 0);
  });

  it('enlarges nothing, and writes nothing of what the camera has noted', async () => {
    const small = await sharp(await picture(40, 30))
      .jpeg()
      .withExif({ IFD0: { Copyright: 'secret' } })
      .toBuffer();
    const { body } = await send(small);
    await ended(body['id']);
    const answer = await fetch(`${server.url}/process/${String(body['id'])}/result`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 40, height: 30 });
    expect(bytes.toString('latin1')).not.toContain('secret');
  });

  it('removes the upload of a run that was cancelled while it waited', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, async () => send(await picture(4_000, 3_000))));
    await Promise.all(
      all.map(({ body }) => fetch(`${server.url}/process/${String(body['id'])}`, { method: 'DELETE' })),
    );
    for (const { body } of all) expect(['cancelled', 'completed']).toContain((await ended(body['id'])).status);
    await until(async () => (await uploads()).length === 0);
  });

  it.each([
    ['text', Buffer.from('hello'), 'Expected a picture: JPEG, PNG, GIF or WebP'],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'Expected a picture'],
    ['nothing', Buffer.alloc(0), 'Expected a picture'],
    ['half a header', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'The picture is broken'],
  ])('refuses %s with 422, and keeps nothing of it', async (_what, bytes, message) => {
    const { status, body } = await send(bytes);
    expect([status, body['detail']]).toEqual([422, expect.stringContaining(message)]);
    expect(await uploads()).toEqual([]);
  });

  it('refuses a small file with too many pixels with 422', async () => {
    const { status, body } = await send(await picture(9_000, 9_000));
    expect([status, body['detail']]).toEqual([422, 'The picture has 9000×9000 pixels; at most 40000000 are taken']);
    expect(await uploads()).toEqual([]);
  });

  it('refuses more than 20 MiB with 413', async () => {
    expect((await send(Buffer.alloc(21_000_000, 1))).status).toBe(413);
    expect(await uploads()).toEqual([]);
  });

  it('refuses other forms with 400, and what is no form with 415', async () => {
    expect((await send(await picture(1, 1), 'a.png', 'photo')).status).toBe(400);
    const url = `${server.url}/examples/images`;
    expect((await fetch(url, { method: 'POST', body: 'hello' })).status).toBe(415);
    const broken = { 'Content-Type': 'multipart/form-data; boundary=x' };
    expect((await fetch(url, { method: 'POST', headers: broken, body: '--x\r\nhello' })).status).toBe(400);
    const page = { ...broken, 'Sec-Fetch-Site': 'cross-site' };
    expect((await fetch(url, { method: 'POST', headers: page, body: '' })).status).toBe(403);
    expect(await uploads()).toEqual([]);
  });

  it('cuts off a client of which nothing comes any more, and keeps nothing of what has come', async () => {
    const data = await makeFolder();
    process.env['ERRAND_DATA'] = data;
    const manager = new TaskManager({ tasks: [makeThumbnail] });
    try {
      const app = new Koa();
      app.use(imageRoute({ manager, idleMs: 100 }).routes());
      const here = await serve(app);
      const socket = connect(here.port, '127.0.0.1').on('error', () => undefined);
      const closed = once(socket, 'close');
      const type = 'Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9999';
      const part = '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc';
      socket.write(`POST /examples/images HTTP/1.1\r\nHost: a\r\n${type}\r\n\r\n${part}`);
      await closed;
      await until(async () => (await readdir(join(data, 'examples/uploads'))).length === 0);
      await here.close();
    } finally {
      delete process.env['ERRAND_DATA'];
      await manager.close();
    }
  });

  it('says where to send a picture when it is started by hand', async () => {
    for (const id of ['by-hand', `thumbnail-${'../'.repeat(3)}`.replaceAll('/', '.')]) {
      const body = JSON.stringify({ task: 'make-thumbnail', id });
      const headers = { 'Content-Type': 'application/json' };
      await fetch(`${server.url}/process`, { method: 'POST', headers, body });
      const { error } = await ended(id);
      expect(error?.message).toBe('There is no picture: send one to POST /examples/images');
    }
  });

  it('takes no more than a hundred that wait, of which stale ones are none', async () => {
    const kept = join(folder, 'data/examples/uploads');
    await mkdir(kept, { recursive: true });
    const names = Array.from({ length: 100 }, (_, n) => join(kept, n.toString(16).padStart(32, '0')));
    for (const name of names) await writeFile(name, '');
    expect((await send(await picture(1, 1))).status).toBe(429);
    for (const name of names) await utimes(name, 0, 0);
    expect((await send(await picture(1, 1))).status).toBe(202);
    await until(async () => (await uploads()).length === 0);
  });
});
