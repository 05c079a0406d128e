import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import { taskRoutes, type TaskRoutesOptions } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';
import { TASKS } from './tasks.js';

let manager: TaskManager;
let server: TestServer | undefined;

beforeEach(() => {
  manager = new TaskManager({ tasks: TASKS, graceMs: 50 });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await server?.close();
  server = undefined;
});

async function start(options: Partial<TaskRoutesOptions> = {}, app = new Koa()): Promise<TestServer> {
  app.use(taskRoutes({ manager, ...options }).routes());
  return (server = await serve(app));
}

type Headers = Record<string, string>;

/** A failed run, redriven: the one change that a page of another site could ask for without asking first. */
async function redrive(headers: Headers): Promise<RawAnswer> {
  await (await manager.startNamed('broken', undefined, { id: 'f' })).settled();
  return raw(server ?? (await start()), { method: 'POST', path: '/process/f/redrive', headers });
}

const FOREIGN: Headers[] = [
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site', origin: 'https://other.app.test' },
  { 'sec-fetch-site': 'same-origin, cross-site' },
  { 'sec-fetch-site': 'cross-site', host: 'app.test', origin: 'http://app.test' },
  { host: 'app.test', origin: 'https://evil.test' },
  { host: 'app.test', origin: 'http://app.test:8080' },
  { host: 'app.test', origin: 'http://app.test.evil.test' },
  { host: 'app.test', origin: 'null' },
  { host: 'app.test', origin: 'no origin at all' },
  { host: 'app.test', origin: '' },
];

const OWN: Headers[] = [
  {},
  { 'sec-fetch-site': 'same-origin' },
  { 'sec-fetch-site': 'same-origin', host: 'behind-a-proxy:3000', origin: 'https://app.test' },
  { 'sec-fetch-site': 'none' },
  { host: 'app.test', origin: 'http://app.test' },
  { host: 'app.test:443', origin: 'https://app.test' },
  { host: 'APP.test:8080', origin: 'http://app.test:8080' },
];

describe('a page of another site', () => {
  it.each(FOREIGN)('starts no failed run anew (%j)', async (headers) => {
    const answer = await redrive(headers);
    expect(answer.status).toBe(403);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(answer.text)).toMatchObject({ status: 403, code: 'FORBIDDEN', title: 'Forbidden' });
    expect((await manager.get('f'))?.redrivenBy).toBeNull();
  });

  it('starts, cancels and imports nothing, and no method that is unknown here gets further', async () => {
    const target = await start();
    const run = await manager.startNamed('endless', undefined, { id: 'r' });
    const headers = { 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' };
    for (const [method, path] of [
      ['POST', '/process'],
      ['DELETE', '/process/r'],
      ['POST', '/process/echo/import'],
      ['PUT', '/process/r'],
      ['PATCH', '/process'],
    ] as const) {
      expect((await raw(target, { method, path, headers })).status).toBe(403);
    }
    expect((await run.snapshot())?.cancelRequestedAt).toBeNull();
    expect((await manager.list()).items).toHaveLength(1);
  });

  it('is refused too where a parser of the host has read its body', async () => {
    const target = await start({}, new Koa().use(bodyParser()));
    const headers = { host: 'app.test', origin: 'https://evil.test', 'content-type': 'application/json' };
    expect((await raw(target, { method: 'POST', path: '/process', headers, body: '{"task":"echo"}' })).status).toBe(
      403,
    );
  });

  it('may ask for what changes nothing: it cannot read the answer', async () => {
    const target = await start();
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const answer = await raw(target, { method, path: '/process', headers: { 'sec-fetch-site': 'cross-site' } });
      expect(answer.status).toBeLessThan(300);
    }
  });
});

describe('a page of the same site, and what is no page', () => {
  it.each(OWN)('changes what it likes (%j)', async (headers) => {
    expect((await redrive(headers)).status).toBe(202);
  });

  it('is known by the name that a trusted proxy was called by', async () => {
    await start({}, new Koa({ proxy: true }));
    const headers = { host: '127.0.0.1:3000', 'x-forwarded-host': 'app.test', origin: 'https://app.test' };
    expect((await redrive(headers)).status).toBe(202);
  });
});

describe('allowedOrigins', () => {
  const allowed = 'https://admin.test';

  it.each<[Headers, number]>([
    [{ origin: allowed }, 202],
    [{ origin: allowed, 'sec-fetch-site': 'cross-site' }, 202],
    [{ origin: 'https://admin.test.evil.test', 'sec-fetch-site': 'cross-site' }, 403],
    [{ origin: 'http://admin.test' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
  ])('lets their pages, and no others, change things (%j)', async (headers, status) => {
    await start({ allowedOrigins: [allowed] });
    expect((await redrive(headers)).status).toBe(status);
  });

  it('may be origins of applications', async () => {
    await start({ allowedOrigins: ['chrome-extension://abcdef'] });
    expect((await redrive({ origin: 'chrome-extension://abcdef', 'sec-fetch-site': 'none' })).status).toBe(202);
  });

  it.each([['https://a.test/'], ['a.test'], ['*'], ['null'], ['https://a.test:443'], ['https://A.test'], ['']])(
    'refuses %j, which no browser sends',
    (origin) => {
      expect(() => taskRoutes({ manager, allowedOrigins: [origin] })).toThrow(RangeError);
    },
  );

  it.each([['https://a.test'], [[1]], [{}]])('must be a list of strings, not %j', (allowedOrigins) => {
    expect(() => taskRoutes({ manager, allowedOrigins: allowedOrigins as never })).toThrow(TypeError);
  });

  it('is taken as it was when the routes were made', async () => {
    const origins = [allowed];
    await start({ allowedOrigins: origins });
    origins.push('https://evil.test');
    expect((await redrive({ origin: 'https://evil.test' })).status).toBe(403);
  });
});
