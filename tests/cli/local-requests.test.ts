import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { onlyLocal } from '../../src/cli/local-requests.js';

let server: Server;

beforeAll(async () => {
  server = createServer(onlyLocal((_req, res) => res.end('through')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

function send(
  method: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: string; headers: IncomingHttpHeaders }> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, method, path: '/process', agent: false, headers }, (res) => {
      let body = '';
      res.on('data', (chunk: Buffer) => (body += chunk.toString()));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body, headers: res.headers }));
    });
    req.on('error', reject);
    req.end();
  });
}

describe('the server without access control', () => {
  it.each(['localhost', 'localhost:3000', 'app.localhost:3000', '127.0.0.1:3000', '127.1.2.3', '[::1]:3000'])(
    'can be called as %s',
    async (host) => {
      expect(await send('POST', { host })).toMatchObject({ status: 200, body: 'through' });
    },
  );

  it.each([
    'evil.example',
    'localhost.evil.example',
    '192.168.1.7:3000',
    '1.1.1.1',
    '[2001:db8::1]',
    'a b',
    '@',
    'evil@localhost',
    'localhost/x',
    'localhost#x',
    '127.0.0.1.nip.io',
  ])('cannot be called as %s, which a page of another site may have made lead here', async (host) => {
    const answer = await send('GET', { host });
    expect(answer).toMatchObject({
      status: 403,
      headers: { 'content-type': 'application/problem+json; charset=utf-8' },
    });
    expect(JSON.parse(answer.body)).toMatchObject({ status: 403, title: 'Forbidden' });
    expect(answer.body).not.toContain(host);
  });

  it('asks of each request anew, whatever the one before called it', async () => {
    const statuses = [];
    for (const host of ['localhost', 'evil.example', 'localhost', 'localhost']) {
      statuses.push((await send('GET', { host })).status);
    }
    expect(statuses).toEqual([200, 403, 200, 200]);
  });
});
