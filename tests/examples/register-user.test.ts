import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { RunResource } from '../../src/http-api/run-resource.js';
import { listening, programs, ROOT, type ServerProgram, startServer } from '../scenarios/program.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { mailSinks } from './mail-sink.js';

const makeFolder = temporaryFolders();
const makeSink = mailSinks();
const start = programs();
const ADA = { name: 'Ada', email: 'ada@example.com' };

async function serve(env: Readonly<Record<string, string>> = {}): Promise<ServerProgram> {
  return startServer(start, ['--examples'], { cwd: await makeFolder(), env });
}

function register(server: ServerProgram, user: unknown, headers: Readonly<Record<string, string>> = {}) {
  return fetch(`${server.url}/examples/users`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(user),
  });
}

/** What has become of the runs, by their tasks. */
async function runs(server: ServerProgram): Promise<Readonly<Record<string, readonly string[]>>> {
  const answer = await fetch(`${server.url}/process?limit=200`);
  const { items } = (await answer.json()) as { items: RunResource[] };
  const found: Record<string, string[]> = {};
  // Upkeep may be due at any moment.
  for (const { task, status, queue } of items) if (queue !== 'upkeep') (found[task ?? ''] ??= []).push(status);
  return found;
}

describe('register-user', () => {
  it('is answered at once, and the mail, the audit line and the news to other systems come after that', async () => {
    let letIn: (answer: undefined) => void = () => undefined;
    const held = new Promise<undefined>((resolve) => (letIn = resolve));
    const sink = await makeSink({ mail: () => held });
    const server = await serve({ SMTP_URL: sink.url });
    const answer = await register(server, ADA);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
    expect(await answer.json()).toEqual({
      ...{ id: expect.any(String), ...ADA },
      session: { token: expect.stringMatching(/^[\w-]{32}$/), expiresAt: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
    const others = { 'write-audit': ['completed'], 'tell-system': ['completed', 'completed'] };
    await until(async () => JSON.stringify(await runs(server)).includes('"tell-system":["completed","completed"]'));
    expect(await runs(server)).toMatchObject({ ...others, 'send-email': ['running'] });
    letIn(undefined);
    await until(() => sink.taken.length === 1);
    expect(sink.taken).toMatchObject([{ to: ['ada@example.com'], raw: expect.stringContaining('Hello Ada') }]);
  });

  it('succeeds also where no mail can be sent', async () => {
    const server = await serve();
    expect((await register(server, ADA)).status).toBe(201);
    await until(async () => (await runs(server))['send-email']?.[0] === 'failed');
    expect(await runs(server)).toMatchObject({ 'write-audit': ['completed'] });
  });

  it('does nothing after an answer that is no', async () => {
    const server = await serve();
    expect((await register(server, ADA)).status).toBe(201);
    await until(async () => Object.keys(await runs(server)).length === 3);
    const again = await register(server, { ...ADA, email: 'ADA@example.com' });
    expect([again.status, await again.json()]).toMatchObject([409, { detail: 'This address is registered already' }]);
    for (const wrong of [
      {},
      { ...ADA, name: 'A\r\nB' },
      { ...ADA, name: 'A\u2028B', email: 'b@b.test' },
      { ...ADA, name: 'A\ud800B', email: 'c@c.test' },
      { ...ADA, email: 'a@b.test, c@d.test' },
      { ...ADA, admin: true },
    ]) {
      expect((await register(server, wrong)).status).toBe(422);
    }
    expect((await register(server, ADA, { 'Content-Type': 'text/plain' })).status).toBe(415);
    expect((await register(server, { ...ADA, name: 'x'.repeat(20_000) })).status).toBe(413);
    expect((await register(server, ADA, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
    expect(Object.values(await runs(server)).flat()).toHaveLength(4);
  });

  it('refuses packed bodies: one that is too long, and broken at its end, would end the server', async () => {
    const server = await serve();
    const packed = gzipSync(JSON.stringify({ ...ADA, name: 'x'.repeat(33_000) }));
    packed.fill(0, packed.length - 8); // its checksum and its length
    for (const body of [packed, Buffer.from('no gzip')]) {
      const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' };
      const answer = await fetch(`${server.url}/examples/users`, { method: 'POST', headers, body });
      expect(answer.status).toBe(415);
    }
    expect((await register(server, ADA)).status).toBe(201);
  });

  it('is a route of the monolith, too', async () => {
    const sink = await makeSink();
    const env = { PORT: '0', SMTP_URL: sink.url };
    const main = join(ROOT, 'dist/examples/monolith.js');
    const shop = await listening(start(process.execPath, [main], { cwd: await makeFolder(), env }));
    const answer = await fetch(`${shop.url}/users`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: 'Bearer open-sesame' },
      body: JSON.stringify(ADA),
    });
    expect(answer.status).toBe(201);
    await until(() => sink.taken.length === 1);
  });
});
