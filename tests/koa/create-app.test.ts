import { afterEach, describe, expect, it } from '@jest/globals';
import Router from '@koa/router';
import { createApp } from '../../src/koa/create-app.js';
import type { Logger } from '../../src/ports/logger.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';

let server: TestServer;
const lines: { fields: object; message: string }[] = [];
const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields, message) => lines.push({ fields, message }),
};

const router = new Router();
router.get('/null', () => {
  throw null; // eslint-disable-line @typescript-eslint/only-throw-error -- what is tested
});
router.get('/error', () => {
  throw new Error('secret');
});
router.get('/teapot', (ctx) => ctx.throw(418, 'short and stout'));
router.get('/hidden', (ctx) => ctx.throw(403, 'why', { expose: false }));
router.get('/bare', (ctx) => {
  ctx.status = 409;
});
router.get('/fine', (ctx) => {
  ctx.body = 'fine';
});

async function ask(path: string, { closing = false, method = 'GET' } = {}): Promise<RawAnswer> {
  server = await serve(createApp({ routers: [router], manager: { closing }, logger }));
  return raw(server, { path, method });
}

afterEach(async () => {
  lines.length = 0;
  await server.close();
});

describe('createApp', () => {
  it.each([
    ['/null', 500, 'INTERNAL', 'Something went wrong on the server'],
    ['/error', 500, 'INTERNAL', 'Something went wrong on the server'],
    ['/teapot', 418, 'HTTP_ERROR', 'short and stout'],
    ['/hidden', 403, 'HTTP_ERROR', 'Forbidden'],
    ['/bare', 409, 'HTTP_ERROR', 'Conflict'],
    ['/nowhere', 404, 'NOT_FOUND', 'There is nothing at this path'],
  ])('answers %s with a problem', async (path, status, code, detail) => {
    const answer = await ask(path);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(answer.text)).toMatchObject({ status, code, detail });
    expect(answer.status).toBe(status);
    expect(lines).toHaveLength(status === 500 ? 1 : 0);
  });

  it.each(['http://[::1/fine', 'http://a:99999999/fine', 'http://'])(
    'answers a request whose target has no path with a problem: %s',
    async (target) => {
      const answer = await ask(target);
      expect(JSON.parse(answer.text)).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
      expect(lines).toEqual([]);
    },
  );

  it.each(['http://localhost/fine', 'HTTP://127.0.0.1:1/fine?x', '/fine#x'])('takes the target %s', async (target) => {
    expect((await ask(target)).text).toBe('fine');
  });

  it('leaves good answers alone', async () => {
    expect((await ask('/fine')).text).toBe('fine');
  });

  it.each([
    ['/healthz', false, 200],
    ['/healthz', true, 200],
    ['/readyz', false, 200],
    ['/readyz', true, 503],
  ])('%s while closing is %s answers %i', async (path, closing, status) => {
    expect((await ask(path, { closing })).status).toBe(status);
  });

  it('answers HEAD /healthz, and refuses POST', async () => {
    expect((await ask('/healthz', { method: 'HEAD' })).status).toBe(200);
    await server.close();
    const answer = await ask('/healthz', { method: 'POST' });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  it('refuses unknown options', () => {
    expect(() => createApp({ routers: [], logger, port: 1 } as never)).toThrow('port');
  });
});
