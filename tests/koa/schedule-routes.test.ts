import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Router from '@koa/router';
import Koa from 'koa';
import { scheduleRoutes, type ScheduleRoutesOptions } from '../../src/koa/schedule-routes.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { FakeClock } from '../fake-clock.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';
import { TASKS } from './tasks.js';

const START = '2026-11-21T02:59:50.000Z';
const PROBLEM = 'application/problem+json; charset=utf-8';

let clock: FakeClock;
let manager: TaskManager;
let server: TestServer;

beforeEach(async () => {
  clock = new FakeClock(Date.parse(START));
  manager = new TaskManager({ tasks: TASKS, clock, graceMs: 50 });
  server = await start();
});

afterEach(async () => {
  const closing = manager.close({ graceMs: 0 });
  await clock.run(1_000);
  await closing;
  await server.close();
});

/** Serves schedules, and runs beside them, under a path of a host's application where one is given. */
async function start(options: Partial<ScheduleRoutesOptions> = {}, mount = ''): Promise<TestServer> {
  const app = new Koa();
  app.silent = true;
  const host = new Router({ prefix: mount });
  host.use(taskRoutes({ manager, clock, imports: false }).routes());
  host.use(scheduleRoutes({ manager, clock, ...options }).routes());
  app.use(host.routes());
  return serve(app);
}

/** What was answered, with its JSON. */
interface Answer extends RawAnswer {
  readonly json: Record<string, unknown>;
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await raw(server, {
    method,
    path,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const isJson = answer.headers['content-type']?.includes('json') === true && answer.text !== '';
  return { ...answer, json: isJson ? (JSON.parse(answer.text) as Record<string, unknown>) : {} };
}

const nightly = { task: 'echo', input: { secret: 'hunter2' }, cron: '0 3 * * *', timeZone: 'UTC' };

describe('PUT /schedules/{id}', () => {
  it('makes a schedule with 201, and shows it without its input', async () => {
    const { status, headers, json, text } = await ask('PUT', '/schedules/nightly', nightly);
    expect([status, headers['location']]).toEqual([201, '/schedules/nightly']);
    expect(headers['cache-control']).toBe('private, no-cache');
    expect(json).toEqual({
      ...{ id: 'nightly', task: 'echo', cron: '0 3 * * *', timeZone: 'UTC', everyMs: null, anchorAt: null },
      ...{ overlap: 'skip', catchUp: 'none', jitterMs: 0, paused: false, priority: null, tags: [], expiresInMs: null },
      ...{ createdAt: START, updatedAt: START, nextAt: '2026-11-21T03:00:00.000Z' },
      ...{ lastRun: null, skipped: 0, waiting: 0, lastError: null },
      links: {
        self: '/schedules/nightly',
        trigger: '/schedules/nightly/trigger',
        preview: '/schedules/nightly/preview',
        lastRun: null,
      },
    });
    expect(text).not.toContain('hunter2');
  });

  it('replaces one with 200, whether anything has changed or not', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    const again = await ask('PUT', '/schedules/nightly', nightly);
    expect([again.status, again.headers['location']]).toEqual([200, undefined]);
    const other = {
      task: 'echo',
      everyMs: 60_000,
      anchorAt: '2026-11-21T00:00:30+01:00',
      overlap: 'queue',
      tags: ['a'],
    };
    const { status, json } = await ask('PUT', '/schedules/nightly', other);
    expect([status, json['cron'], json['anchorAt']]).toEqual([200, null, '2026-11-20T23:00:30.000Z']);
    expect(json).toMatchObject({ overlap: 'queue', tags: ['a'], nextAt: '2026-11-21T03:00:30.000Z' });
  });

  it('starts runs at its due times, which it links to', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    await clock.run(15_000);
    const { json } = await ask('GET', '/schedules/nightly');
    const lastRun = {
      id: 'nightly@20261121T030000Z',
      at: '2026-11-21T03:00:00.000Z',
      dueAt: '2026-11-21T03:00:00.000Z',
    };
    expect(json['lastRun']).toEqual(lastRun);
    const { lastRun: link } = json['links'] as Record<string, string>;
    expect(link).toBe('/process/nightly@20261121T030000Z');
    expect((await ask('GET', String(link))).json).toMatchObject({ status: 'completed', result: nightly.input });
  });

  it.each<[string, object, string]>([
    ['an empty expression', { cron: '' }, '/cron'],
    ['four fields', { cron: '* * * *' }, '/cron'],
    ['seven fields', { cron: '0 0 * * * * 2026' }, '/cron'],
    ['a step of nothing', { cron: '*/0 * * * *' }, '/cron'],
    ['dates that never come', { cron: '0 0 30 2 *' }, '/cron'],
    ['more than 256 characters', { cron: `${'1,'.repeat(150)}1 * * * *` }, '/cron'],
    ['an expression that is no text', { cron: 5 }, '/cron'],
    ['an unknown zone', { timeZone: 'Mars/Olympus<script>' }, '/timeZone'],
    ['a zone without an expression', { cron: undefined, everyMs: 1_000 }, '/timeZone'],
    ['both an expression and an interval', { everyMs: 1_000 }, ''],
    ['neither', { cron: undefined, timeZone: undefined }, ''],
    ['an anchor without an interval', { anchorAt: START }, '/anchorAt'],
    [
      'an anchor that is no instant',
      { cron: undefined, timeZone: undefined, everyMs: 1_000, anchorAt: 'noon' },
      '/anchorAt',
    ],
    [
      'an anchor before 1970',
      { cron: undefined, timeZone: undefined, everyMs: 1_000, anchorAt: '1969-01-01T00:00:00Z' },
      '/anchorAt',
    ],
    ['an interval below a second', { cron: undefined, timeZone: undefined, everyMs: 999 }, '/everyMs'],
    ['an unknown overlap', { overlap: 'allow' }, '/overlap'],
    ['an unknown catchUp', { catchUp: 'some' }, '/catchUp'],
    ['a jitter of more than a day', { jitterMs: 86_400_001 }, '/jitterMs'],
    ['an expiry that the jitter may pass', { jitterMs: 5, expiresInMs: 5 }, '/expiresInMs'],
    ['a member that nobody knows', { crom: 1 }, '/crom'],
    ['a malformed task', { task: '' }, '/task'],
    ['tags of the wrong type', { tags: [1] }, '/tags/0'],
    ['paused that is no boolean', { paused: 'yes' }, '/paused'],
  ])('refuses %s with 422, and says where', async (_what, members, pointer) => {
    const { status, headers, json, text } = await ask('PUT', '/schedules/a', { ...nightly, ...members });
    expect([status, headers['content-type'], json['code']]).toEqual([422, PROBLEM, 'REQUEST_INVALID']);
    expect(json['errors']).toEqual([{ pointer, detail: expect.any(String) }]);
    expect(text).not.toMatch(/hunter2|script|got/);
    expect((await ask('GET', '/schedules/a')).status).toBe(404);
  });

  it.each<[string, string, unknown, number, string]>([
    ['an unknown task', 'a', { ...nightly, task: 'nobody' }, 404, 'TASK_UNKNOWN'],
    ['an input that the task refuses', 'a', { ...nightly, task: 'strict' }, 422, 'INPUT_INVALID'],
    ['a malformed id', '%20', nightly, 400, 'BAD_REQUEST'],
    ['an id of more than 100 characters', 'x'.repeat(101), nightly, 400, 'BAD_REQUEST'],
    ['a query', 'a?b=c', nightly, 400, 'BAD_REQUEST'],
    ['no JSON', 'a', '{', 400, 'BAD_REQUEST'],
    ['deep nesting', 'a', '['.repeat(100), 400, 'BAD_REQUEST'],
    ['more than 1 MiB', 'a', JSON.stringify('x'.repeat(1_100_000)), 413, 'BODY_TOO_LARGE'],
    ['no object', 'a', 'null', 422, 'REQUEST_INVALID'],
  ])('refuses %s', async (...given) => {
    const [, id, body, status, code] = given;
    const answer = await ask('PUT', `/schedules/${id}`, body);
    expect([answer.status, answer.json['code']]).toEqual([status, code]);
    expect(answer.headers['content-type']).toBe(PROBLEM);
  });

  it('points into the input where the task refuses that', async () => {
    const { json } = await ask('PUT', '/schedules/a', { ...nightly, task: 'strict', input: { size: 'x' } });
    expect(json['errors']).toEqual([{ pointer: '/input/size', detail: expect.any(String) }]);
  });

  it('takes JSON alone', async () => {
    const answer = await ask('PUT', '/schedules/a', JSON.stringify(nightly), { 'content-type': 'text/plain' });
    expect(answer.status).toBe(415);
  });
});

describe('GET /schedules', () => {
  it('shows them by id, a page at a time', async () => {
    for (const id of ['c', 'a', 'b']) await ask('PUT', `/schedules/${id}`, nightly);
    const ids = (answer: Answer) => (answer.json['items'] as { id: string }[]).map(({ id }) => id);
    const all = await ask('GET', '/schedules');
    expect([all.status, ids(all), all.json['nextCursor']]).toEqual([200, ['a', 'b', 'c'], undefined]);
    expect(all.text).not.toContain('hunter2');
    const first = await ask('GET', '/schedules?limit=2');
    expect(ids(first)).toEqual(['a', 'b']);
    const second = await ask('GET', `/schedules?limit=2&cursor=${String(first.json['nextCursor'])}`);
    expect([ids(second), second.json['nextCursor']]).toEqual([['c'], undefined]);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'cursor=%20', 'task=echo', 'limit=1&limit=2'])(
    'refuses the query %s',
    async (query) => {
      expect((await ask('GET', `/schedules?${query}`)).status).toBe(400);
    },
  );
});

describe('DELETE /schedules/{id}', () => {
  it('removes it and leaves its runs', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    await clock.run(15_000);
    const { status, text } = await ask('DELETE', '/schedules/nightly');
    expect([status, text]).toEqual([204, '']);
    expect((await ask('GET', '/schedules/nightly')).status).toBe(404);
    expect((await ask('GET', '/process/nightly@20261121T030000Z')).status).toBe(200);
  });
});

describe('POST /schedules/{id}/trigger', () => {
  it('starts a run now, and answers with it', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    const { status, headers, json } = await ask('POST', '/schedules/nightly/trigger');
    expect(status).toBe(202);
    expect(headers['location']).toBe(`/process/${String(json['id'])}`);
    expect(json).toMatchObject({ task: 'echo', links: { self: headers['location'] } });
    const schedule = await ask('GET', '/schedules/nightly');
    expect(schedule.json).toMatchObject({
      lastRun: { id: json['id'], dueAt: null },
      nextAt: '2026-11-21T03:00:00.000Z',
    });
  });

  it('starts one run for one Idempotency-Key', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    const [once, twice] = [0, 1].map(() => ({ 'idempotency-key': '"k"' }));
    const first = await ask('POST', '/schedules/nightly/trigger', undefined, once);
    const second = await ask('POST', '/schedules/nightly/trigger', undefined, twice);
    expect([first.status, second.status, second.json['id']]).toEqual([202, 202, first.json['id']]);
    const replayed = [first, second].map(({ headers }) => headers['idempotency-replayed']);
    expect(replayed).toEqual([undefined, 'true']);
    const malformed = { 'idempotency-key': 'k'.repeat(256) };
    expect((await ask('POST', '/schedules/nightly/trigger', undefined, malformed)).status).toBe(400);
  });

  it('takes no form', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await ask('POST', '/schedules/nightly/trigger', 'a=b', type)).status).toBe(415);
  });
});

describe('POST /schedules/{id}/pause and /resume', () => {
  it('stop and go on', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    const paused = await ask('POST', '/schedules/nightly/pause');
    expect(paused).toMatchObject({ status: 200, json: { paused: true, nextAt: null } });
    expect(paused.json['links']).toMatchObject({ self: '/schedules/nightly' });
    await clock.run(15_000);
    const resumed = await ask('POST', '/schedules/nightly/resume');
    expect(resumed).toMatchObject({
      status: 200,
      json: { paused: false, nextAt: '2026-11-22T03:00:00.000Z', lastRun: null },
    });
  });
});

describe('GET /schedules/{id}/preview', () => {
  it('gives the next due times', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    const { status, json } = await ask('GET', '/schedules/nightly/preview?count=2');
    expect([status, json]).toEqual([200, { dueAt: ['2026-11-21T03:00:00.000Z', '2026-11-22T03:00:00.000Z'] }]);
    const { json: ten } = await ask('GET', '/schedules/nightly/preview');
    expect(ten['dueAt']).toHaveLength(10);
  });

  it.each(['count=0', 'count=101', 'count=1.5', 'n=3'])('refuses the query %s', async (query) => {
    await ask('PUT', '/schedules/nightly', nightly);
    expect((await ask('GET', `/schedules/nightly/preview?${query}`)).status).toBe(400);
  });
});

describe('the rows of schedules', () => {
  it('say 404 where there is no such schedule', async () => {
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/trigger'],
      ['POST', '/pause'],
      ['POST', '/resume'],
      ['GET', '/preview'],
    ] as const) {
      const { status, json } = await ask(method, `/schedules/missing${path}`);
      expect([status, json['code'], json['detail']]).toEqual([404, 'RUN_NOT_FOUND', 'There is no schedule of this id']);
    }
  });

  it('say what they take', async () => {
    const refused = await ask('PATCH', '/schedules/a');
    expect([refused.status, refused.headers['allow']]).toEqual([405, 'DELETE, GET, HEAD, OPTIONS, PUT']);
    const options = await ask('OPTIONS', '/schedules/a/trigger');
    expect([options.status, options.headers['allow']]).toEqual([204, 'OPTIONS, POST']);
    await ask('PUT', '/schedules/nightly', nightly);
    const head = await ask('HEAD', '/schedules/nightly');
    expect([head.status, head.text]).toEqual([200, '']);
  });

  it('are changed by no page of another site', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    const headers = { 'sec-fetch-site': 'cross-site' };
    for (const [method, path] of [
      ['PUT', ''],
      ['DELETE', ''],
      ['POST', '/trigger'],
      ['POST', '/pause'],
    ] as const)
      expect((await ask(method, `/schedules/nightly${path}`, undefined, headers)).status).toBe(403);
    expect((await ask('GET', '/schedules/nightly', undefined, headers)).json).toMatchObject({
      paused: false,
      lastRun: null,
    });
  });

  it('refuse changes with 503 once the manager closes, and still show what there is', async () => {
    await ask('PUT', '/schedules/nightly', nightly);
    await manager.start('busy', () => new Promise(() => undefined));
    const closing = manager.close({ graceMs: 1_000 });
    for (const [method, path, body] of [
      ['PUT', '', nightly],
      ['POST', '/trigger', undefined],
      ['POST', '/pause', undefined],
      ['DELETE', '', undefined],
    ] as const) {
      const answer = await ask(method, `/schedules/nightly${path}`, body);
      expect([answer.status, answer.json['code'], answer.headers['retry-after']]).toEqual([503, 'MANAGER_CLOSED', '1']);
    }
    expect((await ask('GET', '/schedules/nightly')).status).toBe(200);
    await clock.run(5_000);
    await closing;
  });

  it('are found under the path of a host, and so are their runs', async () => {
    await server.close();
    server = await start({ prefix: '/plans/all', runsPrefix: '/process' }, '/admin');
    const put = await ask('PUT', '/admin/plans/all/nightly', nightly);
    expect([put.status, put.headers['location']]).toEqual([201, '/admin/plans/all/nightly']);
    const { headers } = await ask('POST', '/admin/plans/all/nightly/trigger');
    expect(headers['location']).toMatch(/^\/admin\/process\/[0-9a-z]{26}$/);
    expect((await ask('GET', String(headers['location']))).status).toBe(200);
    const { json } = await ask('GET', '/admin/plans/all');
    expect((json['items'] as object[])[0]).toMatchObject({ links: { lastRun: headers['location'] } });
  });

  it('take options that they know', () => {
    expect(() => scheduleRoutes({ manager, prefixes: '/x' } as never)).toThrow(TypeError);
    expect(() => scheduleRoutes({ manager, prefix: 'x' })).toThrow(RangeError);
    expect(() => scheduleRoutes({ manager, runsPrefix: 'x' })).toThrow('runsPrefix must be');
  });
});
