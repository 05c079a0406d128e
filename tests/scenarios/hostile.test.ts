import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '../until.js';
import { programs, startServer, type ServerProgram } from './program.js';
import { finished, startRun } from './runs.js';

const start = programs(afterAll);
let folder: string;
let server: ServerProgram;

// One server for all of it: what one client did to it must not matter to the next.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-hostile-'));
  server = await startServer(start, ['--examples'], { cwd: folder });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Sends bytes as they are, and gives what comes back until the server ends the connection. */
function send(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

function request(line: string, body = '', headers: readonly string[] = []): string {
  const all = ['Host: localhost', 'Connection: close', `Content-Length: ${Buffer.byteLength(body)}`, ...headers];
  return `${line} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${body}`;
}

const JSON_TYPE = 'Content-Type: application/json';

/** What a hostile client may send, and the statuses that it may be answered with. */
const HOSTILE: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ['garbage', Buffer.from([0, 255, 1, 2, 3, 13, 10, 13, 10]), /^HTTP\/1\.1 400 /],
  ['a TLS greeting', Buffer.from('160301020001000001fc0303', 'hex'), /^HTTP\/1\.1 400 /],
  ['headers beyond 16 KiB', request('GET /process', '', [`X: ${'a'.repeat(20_000)}`]), /^HTTP\/1\.1 431 /],
  [
    'a chunk of no size',
    `POST /process HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    /^HTTP\/1\.1 400 /,
  ],
  [
    'two lengths',
    `POST /process HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    /^HTTP\/1\.1 400 /,
  ],
  ['a path of bad escapes', request('GET /process/%E0%A4%A'), /^HTTP\/1\.1 400 /],
  ['a path out of the folder', request('GET /process/..%2f..%2fetc%2fpasswd'), /^HTTP\/1\.1 400 /],
  ['an id of 10 kB', request(`GET /process/${'a'.repeat(10_000)}`), /^HTTP\/1\.1 400 /],
  ['an id that is a member of every object', request('GET /process/__proto__'), /^HTTP\/1\.1 404 /],
  ['JSON nested 100,000 deep', request('POST /process', '['.repeat(100_000), [JSON_TYPE]), /^HTTP\/1\.1 400 /],
  ['JSON over 1 MiB', request('POST /process', `"${'a'.repeat(1_100_000)}"`, [JSON_TYPE]), /^HTTP\/1\.1 413 /],
  [
    'a form',
    request('POST /process', 'task=slow-report', ['Content-Type: application/x-www-form-urlencoded']),
    /^HTTP\/1\.1 415 /,
  ],
  [
    'a prototype',
    request('POST /process', '{"task":"slow-report","__proto__":{"input":1}}', [JSON_TYPE]),
    /^HTTP\/1\.1 400 /,
  ],
  [
    'an input that is far too long',
    request('POST /process', '{"task":"slow-report","input":{"steps":1e308}}', [JSON_TYPE]),
    /^HTTP\/1\.1 422 /,
  ],
  [
    'an import of nothing',
    request('POST /process/import-products/import', '', ['Content-Type: text/csv']),
    /^HTTP\/1\.1 (202|422) /,
  ],
  [
    'a change that a page of another site asks for',
    request('POST /process/x/redrive', '', ['Origin: https://evil.example']),
    /^HTTP\/1\.1 403 /,
  ],
  ['a target that is no URL', request('GET http://[::1/process'), /^HTTP\/1\.1 400 /],
  [
    'a length of more than 32 bits',
    `POST /process HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nContent-Length: 4294967298\r\n\r\n{}`,
    /^HTTP\/1\.1 413 /,
  ],
  ['no Host', 'GET /process HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['an expectation', request('POST /process', '{}', [JSON_TYPE, 'Expect: miracles']), /^HTTP\/1\.1 417 /],
  ['a tunnel', request('CONNECT localhost:22'), /^HTTP\/1\.1 501 /],
  ['a method that is none', request('BREW /process'), /^HTTP\/1\.1 400 /],
  ['a method that is not offered', request('PATCH /process'), /^HTTP\/1\.1 405 /],
];

describe('the server', () => {
  it.each(HOSTILE)('refuses %s, and goes on', async (_what, bytes, expected) => {
    const answer = await send(bytes);
    expect(answer).toMatch(expected);
    if (!answer.startsWith('HTTP/1.1 202')) {
      expect(answer).toContain('Content-Type: application/problem+json');
      expect(answer).not.toMatch(/\bat \S+ \(|node_modules/);
    }
    const run = await startRun(server, { task: 'slow-report', input: { steps: 1, stepMs: 0 } });
    expect(await finished(server, run)).toMatchObject({ status: 'completed' });
  });

  it('is not held up by many clients that never finish their request', async () => {
    const idle = Array.from({ length: 200 }, () => connect(server.port, '127.0.0.1').on('error', () => undefined));
    for (const socket of idle) {
      await new Promise<void>((resolve) => {
        if (socket.connecting) socket.once('connect', () => resolve());
        else resolve();
      });
      const sent = new Promise((resolve) => {
        socket.write('GET /process HTTP/1.1\r\nHost: localhost\r\nX-Slow: ', resolve);
      });
      await sent;
    }
    const run = await startRun(server, { task: 'slow-report', input: { steps: 1, stepMs: 0 } });
    expect(await finished(server, run)).toMatchObject({ status: 'completed' });
    for (const socket of idle) socket.destroy();
  });

  it('is not brought down by clients that leave in the middle of what they send and read', async () => {
    const parts = ['', '{"task":', '{"task":"slow-report","input":{"steps":3}}'];
    for (const part of parts) {
      const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
      const length = part.length + 10;
      socket.write(
        `POST /process HTTP/1.1\r\nHost: localhost\r\n${JSON_TYPE}\r\nContent-Length: ${length}\r\n\r\n${part}`,
      );
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.resetAndDestroy();
    }
    const run = await startRun(server, { task: 'slow-report', input: { steps: 1, stepMs: 0 } });
    expect(await finished(server, run)).toMatchObject({ status: 'completed' });
  });

  it('keeps nothing of an import whose client leaves in the middle of sending it', async () => {
    const files = async (): Promise<number> => {
      const entries = await readdir(join(folder, 'data'), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).length;
    };
    const before = await (await fetch(`${server.url}/process?task=import-products`)).text();
    const [kept, socket] = [await files(), connect(server.port, '127.0.0.1')];
    socket.on('error', () => undefined);
    socket.write('POST /process/import-products/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n');
    socket.write('Content-Length: 1000000\r\n\r\nHandle,Title\nmug,Mug\n');
    await until(async () => (await files()) === kept + 1);
    socket.resetAndDestroy();
    await until(async () => (await files()) === kept);
    expect(await (await fetch(`${server.url}/process?task=import-products`)).text()).toBe(before);
  });
});
