import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Router from '@koa/router';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import { taskRoutes, type TaskRoutesOptions } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { raw, serve, type TestServer } from './server.js';
import { gate, TASKS, until } from './tasks.js';

let manager: TaskManager;
let server: TestServer;

async function start(app: Koa): Promise<void> {
  server = await serve(app);
}

function routes(options: Partial<TaskRoutesOptions> = {}): Router {
  return taskRoutes({ manager, ...options });
}

function withRoutes(router: Router, app = new Koa()): Koa {
  app.use(router.routes());
  return app;
}

function post(body: unknown, headers: Record<string, string> = {}, path = '/process'): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.url}${path}`, { headers });
}

async function json(answer: Response | Promise<Response>): Promise<Record<string, unknown>> {
  return (await (await answer).json()) as Record<string, unknown>;
}

async function finished(id: string): Promise<void> {
  await manager.handle(id).settled();
}

beforeEach(async () => {
  manager = new TaskManager({ tasks: TASKS, graceMs: 100 });
  await start(withRoutes(routes()));
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await server.close();
});

describe('POST /process', () => {
  it('answers 202 with the run, its place and when to look again', async () => {
    const answer = await post({ task: 'endless', id: 'e1', priority: 5, tags: ['a'] });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe('/process/e1');
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    expect(await json(answer)).toMatchObject({
      id: 'e1',
      kind: 'run',
      task: 'endless',
      queue: 'default',
      priority: 5,
      tags: ['a'],
      progress: null,
      result: null,
      error: null,
      failures: [],
      links: { self: '/process/e1', events: '/process/e1/events' },
    });
  });

  it('says of a run that waits for its time when to look again, a minute at most', async () => {
    const soon = await post({ task: 'echo', delayMs: 20_000 });
    expect(['19', '20']).toContain(soon.headers.get('retry-after'));
    expect((await post({ task: 'echo', delayMs: 86_400_000 })).headers.get('retry-after')).toBe('60');
  });

  it('shows every member of the contract and no other', async () => {
    expect(Object.keys(await json(post({ task: 'echo', input: 'secret' })))).toEqual([
      ...['id', 'kind', 'task', 'queue', 'status', 'progress', 'attempt', 'maxAttempts', 'priority', 'tags'],
      ...['parentId', 'redriveOf', 'createdAt', 'dueAt', 'startedAt', 'updatedAt', 'finishedAt'],
      ...['cancelRequestedAt', 'cancelReason', 'abandoned', 'result', 'error', 'failures', 'links'],
    ]);
  });

  describe('with Prefer: wait', () => {
    it('answers 200 with the finished run', async () => {
      const answer = await post({ task: 'echo', input: { a: 1 } }, { prefer: 'respond-async, wait=10' });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('preference-applied')).toBe('wait=10');
      expect(answer.headers.get('retry-after')).toBeNull();
      expect(await json(answer)).toMatchObject({ status: 'completed', result: { a: 1 } });
    });

    it.each([['wait="10"'], ['respond-async, wait=10'], ['respond-async', 'wait=10', 'wait=0']])(
      'is understood quoted, with other preferences, and in headers of its own: the first wait counts (%s, …)',
      async (...prefer) => {
        const headers = { 'content-type': 'application/json', prefer };
        const answer = await raw(server, { method: 'POST', path: '/process', headers, body: '{"task":"echo"}' });
        expect([answer.status, answer.headers['preference-applied']]).toEqual([200, 'wait=10']);
      },
    );

    it('answers 202 when the time is over first', async () => {
      const answer = await post({ task: 'endless' }, { prefer: 'wait=1' });
      expect(answer.status).toBe(202);
      expect(await json(answer)).toMatchObject({ status: 'running' });
    });
  });

  describe('with an Idempotency-Key', () => {
    it('gives the same run again, and says so', async () => {
      const first = await post({ task: 'endless' }, { 'idempotency-key': 'k1' });
      const second = await post({ task: 'endless' }, { 'idempotency-key': '"k1"' });
      expect(first.headers.get('idempotency-replayed')).toBeNull();
      expect(second.headers.get('idempotency-replayed')).toBe('true');
      expect(second.status).toBe(202);
      expect((await json(second))['id']).toBe((await json(first))['id']);
    });

    it('is refused with KEY_REUSED for anything other', async () => {
      await post({ task: 'echo', input: 1 }, { 'idempotency-key': 'k2' });
      const answer = await post({ task: 'echo', input: 2 }, { 'idempotency-key': 'k2' });
      expect(answer.status).toBe(422);
      expect(await json(answer)).toMatchObject({ code: 'KEY_REUSED' });
    });

    it.each([
      ['with a space', 'a b'],
      ['too long', 'x'.repeat(256)],
      ['open-ended', '"abc'],
      ['empty quotes', '""'],
    ])('%s is malformed: 400', async (_, key) => {
      expect((await post({ task: 'echo' }, { 'idempotency-key': key })).status).toBe(400);
    });
  });

  describe('a refused request', () => {
    it.each([
      ['an unknown task', { task: 'nope' }, 404, 'TASK_UNKNOWN', undefined],
      [
        'an input that the schema refuses',
        { task: 'strict', input: { size: 'x', secret: 1 } },
        422,
        'INPUT_INVALID',
        '/input/size',
      ],
      ['an unknown member', { task: 'echo', ownre: 'me' }, 422, 'REQUEST_INVALID', '/ownre'],
      ['a missing task', { input: 1 }, 422, 'REQUEST_INVALID', '/task'],
      ['no object', [1], 422, 'REQUEST_INVALID', ''],
      ['a wrong type', { task: 'echo', priority: '1' }, 422, 'REQUEST_INVALID', '/priority'],
      ['a priority out of range', { task: 'echo', priority: 1_001 }, 422, 'REQUEST_INVALID', '/priority'],
      ['a malformed id', { task: 'echo', id: 'a/b' }, 422, 'REQUEST_INVALID', '/id'],
      ['a malformed tag', { task: 'echo', tags: ['ok', 'no good'] }, 422, 'REQUEST_INVALID', '/tags/1'],
      ['too many tags', { task: 'echo', tags: Array.from({ length: 17 }, () => 't') }, 422, 'REQUEST_INVALID', '/tags'],
      ['a delay over ten years', { task: 'echo', delayMs: 315_576_000_001 }, 422, 'REQUEST_INVALID', '/delayMs'],
      [
        'an expiry before its time',
        { task: 'echo', delayMs: 5, expiresInMs: 5 },
        422,
        'REQUEST_INVALID',
        '/expiresInMs',
      ],
    ])('%s', async (...[, body, status, code, pointer]) => {
      const answer = await post(body);
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
      const problem = await json(answer);
      expect(problem).toMatchObject({ type: 'about:blank', status, code });
      if (pointer !== undefined) {
        const pointers = (problem['errors'] as { pointer: string }[]).map((error) => error.pointer);
        expect(pointers).toContain(pointer);
      }
    });

    it('names at most 20 of its faults', async () => {
      const members = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`m${at}`, at]));
      expect((await json(post({ task: 'echo', ...members })))['errors']).toHaveLength(20);
    });

    it('is answered at once, however many tags it has', async () => {
      const tags = Array.from({ length: 400_000 }, () => 1);
      const begun = performance.now();
      expect((await json(post({ task: 'echo', tags })))['errors']).toHaveLength(1);
      expect(performance.now() - begun).toBeLessThan(5_000);
    });

    it('with an active id is a conflict', async () => {
      await post({ task: 'endless', id: 'same' });
      const answer = await post({ task: 'endless', id: 'same' });
      expect(answer.status).toBe(409);
      expect(await json(answer)).toMatchObject({ code: 'RUN_CONFLICT' });
    });

    it('for a full queue says when to come again', async () => {
      await manager.close();
      await server.close();
      manager = new TaskManager({ tasks: TASKS, concurrency: 1, queueLimit: 1, graceMs: 0 });
      await start(withRoutes(routes()));
      await post({ task: 'endless', id: 'one' });
      await until(async () => (await manager.get('one'))?.status === 'running');
      await post({ task: 'endless' });
      const answer = await post({ task: 'endless' });
      expect(answer.status).toBe(429);
      expect(answer.headers.get('retry-after')).toBe('1');
    });

    it('while the manager closes is 503, and runs are still shown', async () => {
      await post({ task: 'echo', id: 'before' }, { prefer: 'wait=5' });
      await manager.close();
      const answer = await post({ task: 'echo' });
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect((await get('/process/before')).status).toBe(200);
    });
  });
});

describe('GET /process/{id}', () => {
  it('shows a run, its version and when to look again', async () => {
    await post({ task: 'endless', id: 'g1' });
    const answer = await get('/process/g1');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toMatch(/^W\/"[0-9a-z]+-[0-9]+"$/);
    expect(answer.headers.get('retry-after')).toBe('1');
  });

  it('shows a failed run, and not what its error says', async () => {
    await post({ task: 'broken', id: 'g2' }, { prefer: 'wait=5' });
    const answer = await get('/process/g2');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('retry-after')).toBeNull();
    const run = await json(answer);
    expect(run).toMatchObject({
      status: 'failed',
      error: { code: 'HANDLER_FAILED', message: 'The handler failed', attempt: 1 },
      failures: [{ code: 'HANDLER_FAILED', message: 'The handler failed', attempt: 1 }],
    });
    expect(JSON.stringify(run)).not.toContain('hunter2');
  });

  it('says what the error says where errors are exposed', async () => {
    const app = withRoutes(routes({ prefix: '/open', exposeErrors: true }));
    await server.close();
    await start(app);
    const run = await json(post({ task: 'broken' }, { prefer: 'wait=5' }, '/open'));
    expect(run['error']).toMatchObject({ message: 'password is hunter2' });
  });

  it('shows null for a result that JSON cannot express', async () => {
    await manager.start('g3', () => new Map());
    await finished('g3');
    expect(await json(get('/process/g3'))).toMatchObject({ status: 'completed', result: null });
    const result = await get('/process/g3/result');
    expect(result.status).toBe(409);
    expect(await json(result)).toMatchObject({ code: 'RESULT_INVALID', runStatus: 'completed' });
  });

  it('answers 304 for the version that the client has, also when fetch forbids caches', async () => {
    await post({ task: 'endless', id: 'g4' });
    await until(async () => (await manager.get('g4'))?.status === 'running');
    const etag = (await get('/process/g4')).headers.get('etag') ?? '';
    const again = await get('/process/g4', { 'if-none-match': `"other", ${etag}` });
    expect(again.status).toBe(304);
    expect(again.headers.get('etag')).toBe(etag);
    await manager.cancel('g4');
    expect((await get('/process/g4', { 'if-none-match': etag })).status).toBe(200);
  });

  it('waits for the end with Prefer: wait', async () => {
    const going = gate<string>();
    await manager.start('g5', () => going.passed);
    const answer = get('/process/g5', { prefer: 'wait=60' });
    await until(() => server.inFlight === 1);
    going.open('done');
    expect((await answer).headers.get('preference-applied')).toBe('wait=30');
    expect(await json(answer)).toMatchObject({ status: 'completed', result: 'done' });
  });

  it('waits for news with Prefer: wait and If-None-Match', async () => {
    const [step, end] = [gate(), gate()];
    await manager.start('g6', async (ctx) => {
      await step.passed;
      ctx.progress(1, 2);
      await end.passed;
    });
    await until(async () => (await manager.get('g6'))?.status === 'running');
    const etag = (await get('/process/g6')).headers.get('etag') ?? '';
    const answer = get('/process/g6', { prefer: 'wait=20', 'if-none-match': etag });
    await until(() => server.inFlight === 1);
    step.open();
    expect((await answer).status).toBe(200);
    expect(await json(answer)).toMatchObject({ status: 'running', progress: { done: 1, total: 2, note: null } });
    end.open();
  });

  it('answers 304 when there was no news', async () => {
    await manager.start('g7', () => new Promise(() => undefined));
    await until(async () => (await manager.get('g7'))?.status === 'running');
    const etag = (await get('/process/g7')).headers.get('etag') ?? '';
    expect((await get('/process/g7', { prefer: 'wait=1', 'if-none-match': etag })).status).toBe(304);
  });

  it.each(['/process/unknown', '/process/unknown/events', '/process/unknown/result'])('%s is 404', async (path) => {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(await json(answer)).toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it.each([
    '/process/%E0%A4%A',
    '/process/a%2Fb',
    '/process/..%2f',
    `/process/${'x'.repeat(129)}`,
    '/process/-a',
    '/process/%00',
  ])('%s is a malformed id: 400', async (path) => {
    expect((await raw(server, { path })).status).toBe(400);
    expect((await raw(server, { path: `${path}/events` })).status).toBe(400);
    expect((await raw(server, { path, method: 'DELETE' })).status).toBe(400);
  });

  it('takes a percent-encoded id', async () => {
    await post({ task: 'endless', id: 'user@a:1' });
    expect((await raw(server, { path: '/process/user%40a%3A1' })).status).toBe(200);
  });

  it('takes no query', async () => {
    expect((await get('/process/x?verbose=1')).status).toBe(400);
  });

  it('answers HEAD as GET, without the body', async () => {
    await post({ task: 'endless', id: 'g8' });
    for (const path of ['/process/g8', '/process', '/process/g8/events']) {
      const answer = await raw(server, { path, method: 'HEAD' });
      expect([answer.status, answer.text]).toEqual([200, '']);
    }
    const events = await raw(server, { path: '/process', method: 'HEAD', headers: { accept: 'text/event-stream' } });
    expect(events.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  });
});

describe('GET /process/{id}/result', () => {
  it('gives the value alone, and no browser takes it for anything but JSON', async () => {
    await post({ task: 'echo', id: 'r1', input: [1, { a: null }] }, { prefer: 'wait=5' });
    const answer = await get('/process/r1/result');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await answer.json()).toEqual([1, { a: null }]);
  });

  it('gives null where the handler returned nothing', async () => {
    await manager.start('r2', () => undefined);
    await finished('r2');
    expect(await (await get('/process/r2/result')).text()).toBe('null');
  });

  it('gives what a cancelled run has kept', async () => {
    await manager.start('r3', async (ctx) => {
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      return { half: true };
    });
    await until(async () => (await manager.get('r3'))?.status === 'running');
    await manager.cancel('r3');
    await finished('r3');
    expect(await (await get('/process/r3/result')).json()).toEqual({ half: true });
  });

  it.each([
    ['running', 'endless', {}],
    ['failed', 'broken', { prefer: 'wait=5' }],
  ])('of a %s run is 409 with the status', async (status, task, headers) => {
    await post({ task, id: 'r4' }, headers);
    await until(async () => (await manager.get('r4'))?.status === status);
    const answer = await get('/process/r4/result');
    expect(answer.status).toBe(409);
    expect(await json(answer)).toMatchObject({ code: 'RUN_CONFLICT', runStatus: status });
  });
});

describe('DELETE /process/{id}', () => {
  function cancel(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${server.url}${path}`, { method: 'DELETE', headers });
  }

  it('of a waiting run is 200 cancelled', async () => {
    await post({ task: 'echo', id: 'd1', delayMs: 60_000 });
    const answer = await cancel('/process/d1?reason=not%20needed+any+more');
    expect(answer.status).toBe(200);
    expect(await json(answer)).toMatchObject({ status: 'cancelled', cancelReason: 'not needed any more' });
  });

  it('of a running run is 202 cancelling, then 200 cancelled, however often', async () => {
    const going = gate();
    await manager.start('d2', () => going.passed);
    await until(async () => (await manager.get('d2'))?.status === 'running');
    const first = await cancel('/process/d2');
    expect([first.status, (await json(first))['status']]).toEqual([202, 'cancelling']);
    expect((await cancel('/process/d2')).status).toBe(202);
    going.open();
    await finished('d2');
    const last = await cancel('/process/d2');
    expect([last.status, (await json(last))['status']]).toEqual([200, 'cancelled']);
  });

  it('with Prefer: wait is 200 when it ends in time', async () => {
    await post({ task: 'endless', id: 'd3' });
    await until(async () => (await manager.get('d3'))?.status === 'running');
    const answer = await cancel('/process/d3', { prefer: 'wait=5' });
    expect([answer.status, (await json(answer))['status']]).toEqual([200, 'cancelled']);
  });

  it.each([
    ['completed', 'echo'],
    ['failed', 'broken'],
  ])('of a %s run is 409', async (status, task) => {
    await post({ task, id: 'd4' }, { prefer: 'wait=5' });
    const answer = await cancel('/process/d4');
    expect(answer.status).toBe(409);
    expect(await json(answer)).toMatchObject({ code: 'RUN_CONFLICT', runStatus: status });
  });

  it.each([
    ['a reason of 501 characters', `reason=${'x'.repeat(501)}`],
    ['two reasons', 'reason=a&reason=b'],
    ['an unknown value', 'why=a'],
    ['broken percent-encoding', 'reason=%E0%A4%A'],
    ['a name that means trouble', '__proto__=a'],
  ])('with %s is 400', async (_, query) => {
    await post({ task: 'endless', id: 'd5' });
    expect((await raw(server, { method: 'DELETE', path: `/process/d5?${query}` })).status).toBe(400);
    expect((await manager.get('d5'))?.cancelRequestedAt).toBeNull();
  });

  it('of an unknown run is 404', async () => {
    expect((await cancel('/process/unknown')).status).toBe(404);
  });
});

describe('GET /process', () => {
  it('lists the newest first, in pages, without results', async () => {
    for (const id of ['l1', 'l2', 'l3']) await post({ task: 'echo', id, input: 'x', tags: [id] }, { prefer: 'wait=5' });
    const first = await json(get('/process?limit=2'));
    expect(first['items']).toMatchObject([
      { id: 'l3', result: null },
      { id: 'l2', result: null },
    ]);
    const last = await json(get(`/process?limit=2&cursor=${encodeURIComponent(String(first['nextCursor']))}`));
    expect(last['items']).toMatchObject([{ id: 'l1', links: { self: '/process/l1' } }]);
    expect(Object.keys(last)).toEqual(['items']);
  });

  it('knows no cursor of another server', async () => {
    for (const id of ['l1', 'l2']) await post({ task: 'echo', id }, { prefer: 'wait=5' });
    const { nextCursor } = await json(get('/process?limit=1'));
    const path = `/process?limit=1&cursor=${String(nextCursor)}`;
    expect((await get(path)).status).toBe(200);
    await manager.close();
    await server.close();
    manager = new TaskManager({ tasks: TASKS });
    await start(withRoutes(routes()));
    for (const id of ['l1', 'l2']) await post({ task: 'echo', id }, { prefer: 'wait=5' });
    const answer = await get(path);
    expect(answer.status).toBe(400);
    expect(await json(answer)).toMatchObject({
      code: 'BAD_REQUEST',
      detail: 'The query value cursor must be the nextCursor of an earlier page',
    });
  });

  it('filters by status, more than one of them, by task and by tag', async () => {
    await post({ task: 'broken', id: 'b' }, { prefer: 'wait=5' });
    await post({ task: 'echo', id: 'e', tags: ['x'] }, { prefer: 'wait=5' });
    await post({ task: 'endless', id: 'r' });
    const ids = async (query: string): Promise<string[]> => {
      const page = await json(get(`/process?${query}`));
      return (page['items'] as { id: string }[]).map((run) => run.id).sort();
    };
    expect(await ids('status=failed&status=completed')).toEqual(['b', 'e']);
    expect(await ids('task=endless')).toEqual(['r']);
    expect(await ids('tag=x')).toEqual(['e']);
  });

  it.each([
    'status=done',
    'status=',
    'task=a%20b',
    'task=a&task=b',
    'limit=0',
    'limit=201',
    'limit=1e1',
    'limit=',
    'cursor=no-such-page',
    'cursor=',
    'cursor=5',
    'cursor=-5',
    'cursor=aaaaaaaa-1',
    'sort=asc',
    'tag=%zz',
  ])('refuses ?%s with 400', async (query) => {
    const answer = await raw(server, { path: `/process?${query}` });
    expect([answer.status, (JSON.parse(answer.text) as { code: string }).code]).toEqual([400, 'BAD_REQUEST']);
  });
});

describe('POST /process/{id}/redrive', () => {
  function redrive(id: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${server.url}/process/${id}/redrive`, { method: 'POST', headers });
  }

  it('starts a failed run anew, once', async () => {
    await post({ task: 'broken', id: 'f' }, { prefer: 'wait=5' });
    const answer = await redrive('f');
    const run = await json(answer);
    expect([answer.status, run['redriveOf']]).toEqual([202, 'f']);
    expect(answer.headers.get('location')).toBe(`/process/${String(run['id'])}`);
    expect(await json(get('/process/f'))).toMatchObject({ status: 'failed', redrivenBy: run['id'] });
    expect((await redrive('f')).status).toBe(409);
  });

  it('is refused for runs that have not failed, for unknown ones, and for forms', async () => {
    await post({ task: 'echo', id: 'c' }, { prefer: 'wait=5' });
    expect((await redrive('c')).status).toBe(409);
    expect((await redrive('unknown')).status).toBe(404);
    expect((await redrive('c', { 'content-type': 'text/plain' })).status).toBe(415);
  });
});

describe('a method that a path does not take', () => {
  it.each([
    ['PUT', '/process', 'GET, HEAD, OPTIONS, POST'],
    ['POST', '/process/x', 'DELETE, GET, HEAD, OPTIONS'],
    ['DELETE', '/process/x/events', 'GET, HEAD, OPTIONS'],
    ['GET', '/process/x/redrive', 'OPTIONS, POST'],
  ])('%s %s is 405 with Allow', async (method, path, allow) => {
    const answer = await raw(server, { method, path });
    expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
  });

  it('OPTIONS is told what it takes', async () => {
    const answer = await raw(server, { method: 'OPTIONS', path: '/process/x' });
    expect([answer.status, answer.headers.allow]).toEqual([204, 'DELETE, GET, HEAD, OPTIONS']);
  });
});

describe('in an application of somebody else', () => {
  async function embed(app: Koa): Promise<void> {
    await server.close();
    await start(app);
  }

  it('what is not theirs goes on to the next middleware', async () => {
    await embed(
      withRoutes(routes({ imports: false })).use((ctx) => {
        ctx.body = 'the host';
      }),
    );
    for (const path of ['/', '/other', '/process/x/unknown', '/process/x/import', '/processes']) {
      expect((await raw(server, { path })).text).toBe('the host');
    }
  });

  it('their errors are problems, and unexpected ones are reported to the application', async () => {
    const app = withRoutes(routes());
    const reported: unknown[] = [];
    app.on('error', (error: unknown) => reported.push(error));
    await embed(app);
    Reflect.set(manager, 'get', () => Promise.reject(new Error('secret path')));
    const answer = await get('/process/x');
    expect(answer.status).toBe(500);
    expect(await json(answer)).toEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      detail: 'Something went wrong on the server',
      code: 'INTERNAL',
    });
    expect(reported).toMatchObject([{ message: 'secret path' }]);
  });

  it('links keep a prefix with parameters, and the path of a router around them', async () => {
    const outer = new Router({ prefix: '/api' });
    outer.use('/:tenant', routes({ prefix: '/jobs/' }).routes());
    await embed(withRoutes(outer));
    const answer = await post({ task: 'endless', id: 'n1' }, {}, '/api/acme%20inc/jobs/');
    expect(answer.headers.get('location')).toBe('/api/acme%20inc/jobs/n1');
    const run = await json(get('/api/acme%20inc/jobs/n1/?'));
    expect(run['links']).toEqual({ self: '/api/acme%20inc/jobs/n1', events: '/api/acme%20inc/jobs/n1/events' });
    const page = await json(get('/api/acme%20inc/jobs?limit=1'));
    expect(page['items']).toMatchObject([{ links: { self: '/api/acme%20inc/jobs/n1' } }]);
  });

  it('links keep a mount path that was cut off before them', async () => {
    const router = routes({ prefix: '' }).routes();
    await embed(
      new Koa().use(async (ctx, next) => {
        if (!ctx.path.startsWith('/mounted')) throw new Error('not mounted');
        ctx.path = ctx.path.slice('/mounted'.length) || '/'; // what koa-mount does
        await Reflect.apply(router, undefined, [ctx, next]);
      }),
    );
    const answer = await post({ task: 'endless', id: 'm1' }, {}, '/mounted');
    expect(answer.headers.get('location')).toBe('/mounted/m1');
    expect(await json(get('/mounted/m1'))).toMatchObject({ links: { events: '/mounted/m1/events' } });
  });

  it('links never lead to another host, whatever the host makes of double slashes', async () => {
    const app = new Koa().use((ctx, next) => {
      ctx.path = ctx.path.replaceAll(/\/+/g, '/');
      return next();
    });
    await embed(withRoutes(routes({ prefix: '/:tenant' }), app));
    const answer = await raw(server, {
      method: 'POST',
      path: '//evil.test',
      headers: { 'content-type': 'application/json' },
      body: '{"task":"echo","id":"x"}',
    });
    expect(answer.headers.location).toBe('/evil.test/x');
  });

  it('a body that their parser has read is taken as it is', async () => {
    await embed(withRoutes(routes(), new Koa().use(bodyParser())));
    const answer = await post({ task: 'strict', input: { size: 3 } }, { prefer: 'wait=5' });
    expect(await json(answer)).toMatchObject({ status: 'completed', result: 3 });
  });

  it('a body that their parser has read is checked all the same', async () => {
    await embed(withRoutes(routes(), new Koa().use(bodyParser({ enableTypes: ['json', 'form'] }))));
    const send = async (type: string, body: string): Promise<number> =>
      (await raw(server, { method: 'POST', path: '/process', headers: { 'content-type': type }, body })).status;
    expect(await send('application/x-www-form-urlencoded', 'task=echo')).toBe(415);
    expect(await send('application/json', `{"task":"echo","input":${'['.repeat(70)}${']'.repeat(70)}}`)).toBe(400);
    expect(await send('application/json', '')).toBe(400);
    expect(await send('application/json', '{"task":"echo","x":1}')).toBe(422);
  });
});

describe('taskRoutes', () => {
  it('refuses unknown options and malformed prefixes', () => {
    expect(() => routes({ prefx: '/x' } as object)).toThrow('prefx');
    expect(() => routes({ prefix: 'process' })).toThrow(RangeError);
  });
});
