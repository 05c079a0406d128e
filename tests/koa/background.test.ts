import { connect } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Koa, { type Context, type Middleware } from 'koa';
import { defineTask, type Logger, type Run, TaskManager } from '../../src/index.js';
import { background, backgroundAction, backgroundTasks, createApp } from '../../src/koa/index.js';
import { Gate } from '../manager/workbench.js';
import { until } from '../until.js';
import { raw, serve, type TestServer } from './server.js';

let lines: { readonly fields: object; readonly message: string }[];
let done: string[];
let manager: TaskManager;
let server: TestServer | undefined;

const record = (fields: object, message: string): void => {
  lines.push({ fields, message });
};
const ignore = (): void => undefined;
const logger: Logger = { debug: ignore, info: ignore, warn: record, error: record };

const note = defineTask({ name: 'note', handler: (text: string) => done.push(text) });
const doing = (what: string) => () => done.push(what);

beforeEach(() => {
  lines = [];
  done = [];
  manager = new TaskManager({ logger });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await server?.close();
  server = undefined;
});

/** An application of this one route, below the list. */
async function route(handle: Middleware, above: readonly Middleware[] = []): Promise<TestServer> {
  const app = new Koa();
  app.on('error', ignore);
  for (const middleware of above) app.use(middleware);
  app.use(backgroundTasks({ manager }));
  app.use(handle);
  return (server = await serve(app));
}

async function get(path = '/'): Promise<number> {
  if (server === undefined) throw new Error('nothing is served');
  return (await raw(server, { path })).status;
}

/** The runs of functions, and those of tasks, that there are or were. */
async function runs(): Promise<readonly Run[]> {
  return (await manager.list()).items;
}

const allEnded = async (count: number): Promise<boolean> => {
  const ended = (await runs()).filter(({ finishedAt }) => finishedAt !== null);
  return ended.length === count;
};

describe('what was added', () => {
  it('runs after the response, in the order added, each as a run that can be looked at', async () => {
    const answered = new Gate();
    await route((ctx) => {
      ctx.res.once('finish', () => done.push('response'));
      background(ctx).add(async () => {
        await answered.promise;
        done.push('first');
      });
      background(ctx).add(note, 'second', { tags: ['mail'] });
      background(ctx).add(doing('third'), { name: 'audit' });
      ctx.body = 'ok';
    });
    expect(await get()).toBe(200);
    answered.open(1);
    await until(() => done.length === 4);
    expect(done).toEqual(['response', 'first', 'second', 'third']);
    await until(() => allEnded(3));
    expect((await runs()).map(({ id, task, tags, status }) => [id.split(':')[0], task, tags, status])).toEqual([
      ['audit', null, [], 'completed'],
      [expect.any(String), 'note', ['mail'], 'completed'],
      ['after-response', null, [], 'completed'],
    ]);
  });

  it('begins one by one: the next one when the one before has ended', async () => {
    const gates = [new Gate(), new Gate()];
    await route((ctx) => {
      for (const [index, gate] of gates.entries()) {
        background(ctx).add(() => {
          done.push(`begun ${index}`);
          return gate.promise;
        });
      }
      ctx.status = 204;
    });
    expect(await get()).toBe(204);
    await until(() => done.length === 1);
    expect(await runs()).toHaveLength(1);
    gates[0]?.open(1);
    await until(() => done.length === 2);
    gates[1]?.open(1);
  });

  it('does not wait for others where it is parallel', async () => {
    const gate = new Gate();
    await route((ctx) => {
      const hang = () => gate.promise;
      background(ctx).add(hang, { parallel: true });
      background(ctx).add(doing('one by one'));
      background(ctx).add(hang);
      background(ctx).add(doing('waits'));
      ctx.body = 'ok';
    });
    await get();
    await until(async () => (await runs()).length === 3);
    expect(done).toEqual(['one by one']);
    gate.open(1);
    await until(() => done.length === 2);
  });

  it('starts what is not due yet in its turn, and waits for it neither before the next one nor when the manager closes', async () => {
    await route((ctx) => {
      background(ctx).add(note, 'later', { delayMs: 3_600_000 });
      background(ctx).add(doing('now'));
      ctx.body = 'ok';
    });
    await get();
    await until(() => done.length === 1);
    expect((await runs()).map(({ status }) => status).sort()).toEqual(['completed', 'scheduled']);
    expect(await manager.close({ graceMs: 20_000 })).toMatchObject({ completed: 0, waiting: 1 });
  });

  it('goes on after one that fails or is refused, which is logged', async () => {
    await route((ctx) => {
      background(ctx).add(() => {
        throw new Error('on purpose');
      });
      background(ctx).add(note, new Map() as unknown as string, { expiresInMs: 1 });
      background(ctx).add(doing('a'), { idempotencyKey: 'k' });
      background(ctx).add(note, 'last');
      ctx.body = 'ok';
    });
    await get();
    await until(() => done.includes('last'));
    expect(lines).toMatchObject([{ fields: { err: { message: 'on purpose' } }, message: 'A run failed' }]);
  });

  it('is logged when it cannot be started, and the others run', async () => {
    manager = new TaskManager({ logger, queueLimit: 1 });
    const strict = defineTask({
      name: 'strict',
      input: { '~standard': { version: 1, vendor: 't', validate: () => ({ issues: [{ message: 'never' }] }) } },
      handler: () => 1,
    });
    await route((ctx) => {
      background(ctx).add(strict, 1 as never);
      background(ctx).add(note, 'last');
      ctx.body = 'ok';
    });
    await get('/users?token=secret');
    await until(() => done.includes('last'));
    expect(lines).toMatchObject([
      {
        fields: { task: 'strict', method: 'GET', path: '/users', err: { code: 'INPUT_INVALID' } },
        message: 'A run that was to follow a response could not be started',
      },
    ]);
  });

  it.each<[string, Middleware]>([
    ['an empty answer', (ctx) => void (ctx.status = 204)],
    ['a stream', (ctx) => void (ctx.body = Readable.from(['a', 'b']))],
    [
      'a route that answers by itself',
      (ctx) => {
        ctx.respond = false;
        ctx.res.statusCode = 200;
        setImmediate(() => ctx.res.end('raw'));
      },
    ],
    ['a redirect', (ctx) => ctx.redirect('/elsewhere')],
  ])('follows %s', async (_what, answer) => {
    await route(async (ctx, next) => {
      background(ctx).add(doing('after'));
      await answer(ctx, next);
    });
    expect(await get()).toBeLessThan(400);
    await until(() => done.length === 1);
  });

  it('follows the answer to HEAD', async () => {
    const { port } = await route((ctx) => {
      background(ctx).add(doing('after'));
      ctx.body = 'ok';
    });
    await fetch(`http://127.0.0.1:${port}/`, { method: 'HEAD' });
    await until(() => done.length === 1);
  });

  it('begins only when a stream has been sent to its end', async () => {
    const body = new PassThrough();
    const { url } = await route((ctx) => {
      background(ctx).add(doing('after'));
      ctx.body = body;
    });
    body.write('begun');
    const answer = await fetch(url);
    expect(await runs()).toEqual([]);
    body.end('ended');
    expect(await answer.text()).toBe('begunended');
    await until(() => done.length === 1);
  });
});

describe('a request that fails', () => {
  const failures: [string, (ctx: Context) => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('on purpose');
      },
    ],
    ['throws for the client', (ctx) => ctx.throw(409, 'taken')],
    ['answers with 500', (ctx) => (ctx.status = 500)],
    ['answers with 404', () => undefined],
    ['refuses', (ctx) => (ctx.status = 422)],
    [
      'has a body that breaks off',
      (ctx) => {
        const body = new PassThrough();
        body.write('half');
        setImmediate(() => body.destroy(new Error('the disk is gone')));
        ctx.body = body;
      },
    ],
  ];

  it.each(failures)('and %s leaves out what is only for success', async (_what, fail) => {
    await route((ctx) => {
      background(ctx).add(doing('success'));
      background(ctx).add(doing('always'), { when: 'always' });
      background(ctx).add(note, 'mail');
      void fail(ctx);
    });
    await get().catch(ignore);
    await until(() => done.length > 0);
    await until(() => allEnded(1));
    expect([done, (await runs()).length]).toEqual([['always'], 1]);
  });

  it('counts as failed also where a middleware above answers for its error, or changes the status', async () => {
    const polite: Middleware = async (ctx, next) => {
      await next().catch(ignore);
      ctx.status = ctx.path === '/thrown' ? 200 : 503;
      ctx.body = 'sorry';
    };
    await route(
      (ctx) => {
        background(ctx).add(doing(`success ${ctx.path}`));
        background(ctx).add(doing(`always ${ctx.path}`), { when: 'always' });
        if (ctx.path === '/thrown') throw new Error('on purpose');
      },
      [polite],
    );
    expect([await get('/thrown'), await get('/overruled')]).toEqual([200, 503]);
    await until(() => done.length === 2);
    expect(done.sort()).toEqual(['always /overruled', 'always /thrown']);
  });

  it('is answered as a problem by createApp, and its list is left out', async () => {
    const Router = (await import('@koa/router')).default;
    const router = new Router();
    router.use(backgroundTasks({ manager }));
    router.get('/', (ctx) => {
      background(ctx).add(doing('success'));
      background(ctx).add(doing('always'), { when: 'always' });
      throw new Error('on purpose');
    });
    server = await serve(createApp({ routers: [router], logger }));
    expect(await get()).toBe(500);
    await until(() => done.length === 1);
    expect(done).toEqual(['always']);
  });
});

describe('a client that hangs up', () => {
  /** Sends a request, and leaves when the fact holds. */
  function leaveWhen(port: number, fact: Promise<unknown>): void {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', ignore);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    void fact.then(() => socket.destroy());
  }

  it('before the answer leaves the list to run, once the route has ended', async () => {
    const [begun, gone, goOn] = [new Gate(), new Gate(), new Gate()];
    const { port } = await route(async (ctx) => {
      ctx.res.once('close', () => gone.open(1));
      background(ctx).add(doing('before'));
      begun.open(1);
      await gone.promise;
      await goOn.promise;
      background(ctx).add(doing('after'));
      ctx.body = 'nobody reads this';
    });
    leaveWhen(port, begun.promise);
    await gone.promise;
    expect(await runs()).toEqual([]);
    goOn.open(1);
    await until(() => done.length === 2);
    expect(done).toEqual(['before', 'after']);
  });

  it('before the list is there leaves it to run all the same', async () => {
    const [begun, gone] = [new Gate(), new Gate()];
    const signIn: Middleware = async (ctx, next) => {
      ctx.res.once('close', () => gone.open(1));
      begun.open(1);
      await gone.promise;
      await next();
    };
    const { port } = await route(
      (ctx) => {
        background(ctx).add(doing('after'));
        ctx.body = 'nobody reads this';
      },
      [signIn],
    );
    leaveWhen(port, begun.promise);
    await until(() => done.length === 1);
    expect(done).toEqual(['after']);
  });

  it('before the answer to an earlier request on its connection leaves the list to run', async () => {
    const [begun, goOn] = [new Gate(), new Gate()];
    const { port } = await route(async (ctx) => {
      background(ctx).add(doing(ctx.path));
      if (ctx.path === '/1') await goOn.promise;
      else begun.open(1);
      ctx.body = 'nobody reads this';
    });
    const socket = connect(port, '127.0.0.1').on('error', ignore);
    for (const path of ['/1', '/2']) socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await begun.promise;
    socket.destroy();
    await until(() => done.length === 1);
    goOn.open(1);
    await until(() => done.length === 2);
    expect(done).toEqual(['/2', '/1']);
  });

  it('in the middle of a stream leaves the list to run', async () => {
    const sent = new Gate();
    const body = new PassThrough();
    const { port } = await route((ctx) => {
      background(ctx).add(doing('after'));
      ctx.body = body;
      body.write('half');
      sent.open(1);
    });
    leaveWhen(port, sent.promise);
    await until(() => done.length === 1);
  });
});

describe('without a ctx', () => {
  /** Far below the route. */
  async function removeUser(id: string): Promise<void> {
    await Promise.resolve();
    background().add(note, `removed ${id}`);
  }

  it('the list is that of the request being handled, however many are', async () => {
    const all = new Gate();
    let come = 0;
    await route(async (ctx) => {
      come += 1;
      if (come === 3) all.open(1);
      await all.promise;
      await removeUser(ctx.path);
      ctx.status = ctx.path === '/b' ? 500 : 204;
    });
    await Promise.all([get('/a'), get('/b'), get('/c')]);
    await until(() => done.length === 2);
    expect(done.sort()).toEqual(['removed /a', 'removed /c']);
  });

  it('a function of the list may add to it', async () => {
    await route((ctx) => {
      background(ctx).add(async () => {
        await removeUser('1');
        done.push('function');
      });
      background(ctx).add(doing('second'));
      ctx.body = 'ok';
    });
    await get();
    await until(() => done.length === 3);
    expect(done).toEqual(['function', 'second', 'removed 1']);
  });

  it('nothing is added after the request by whoever has its ctx: it runs at once', async () => {
    const later = new Gate();
    let kept: Context | undefined;
    await route((ctx) => {
      kept = ctx;
      void later.promise.then(() => background(ctx).add(doing('late')));
      ctx.body = 'ok';
    });
    await get();
    await until(() => kept?.res.writableFinished === true);
    later.open(1);
    await until(() => done.length === 1);
  });

  it('a handler of a task has no list, in whose turn ever it begins', async () => {
    const asks = defineTask({ name: 'asks', handler: () => background() });
    let failed: unknown;
    await route(async (ctx) => {
      const run = await manager.start(asks);
      failed = (await run.settled()).status;
      ctx.body = 'ok';
    });
    await get();
    expect(failed).toBe('failed');
    expect(lines).toMatchObject([{ fields: { err: { message: expect.stringContaining('No request is being') } } }]);
  });

  it('there is a clear error outside of requests, and where the middleware is missing', async () => {
    expect(() => background()).toThrow('No request is being handled here below backgroundTasks({ manager })');
    const app = new Koa();
    let message = '';
    app.use((ctx) => {
      try {
        background(ctx);
      } catch (error) {
        message = (error as Error).message;
      }
      ctx.body = '';
    });
    server = await serve(app);
    await get();
    expect(message).toBe('There is no list for this request: mount backgroundTasks({ manager }) before the routes');
  });
});

describe('an action', () => {
  it('such as an auditor adds to the list of its request', async () => {
    const auditor = backgroundAction((list, action: string, id: number) => {
      list.add(note, `${action} ${id}`, { when: 'always' });
    });
    const below = (): void => auditor()('below', 2);
    await route((ctx) => {
      const audit = auditor(ctx);
      audit('user.deleted', 1);
      below();
      ctx.status = 500;
    });
    await get();
    await until(() => done.length === 2);
    expect(done).toEqual(['user.deleted 1', 'below 2']);
  });
});

describe('the close of the manager', () => {
  it('waits for what is still to follow responses, those being sent included', async () => {
    const [begun, answer, gate] = [new Gate(), new Gate(), new Gate()];
    await route(async (ctx) => {
      background(ctx).add(() => gate.promise);
      background(ctx).add(doing('second'));
      background(ctx).add(note, 'third');
      begun.open(1);
      await answer.promise;
      ctx.body = 'ok';
    });
    const status = get();
    await begun.promise;
    const closing = manager.close({ graceMs: 20_000 });
    await expect(manager.start(note, 'new')).rejects.toMatchObject({ code: 'MANAGER_CLOSED' });
    answer.open(1);
    expect(await status).toBe(200);
    gate.open(1);
    expect(await closing).toEqual({ completed: 3, interrupted: 0, waiting: 0, abandoned: 0 });
    expect(done).toEqual(['second', 'third']);
    expect(lines).toEqual([]);
  });

  it('says in the log what cannot run any more', async () => {
    const begun = new Gate();
    await route((ctx) => {
      background(ctx).add(({ signal }) => {
        begun.open(1);
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('stopped')));
        });
      });
      background(ctx).add(note, 'too late');
      ctx.body = 'ok';
    });
    await get('/users?token=secret');
    await begun.promise;
    expect(await manager.close({ graceMs: 0 })).toMatchObject({ interrupted: 1 });
    await until(() => lines.length === 4);
    const closes = 'The manager closes before a run has ended that was to follow a response';
    expect(lines).toMatchObject([
      { fields: { task: null, method: 'GET', path: '/users' }, message: closes },
      { fields: { task: 'note', method: 'GET', path: '/users' }, message: closes },
      { message: 'A run failed' },
      { fields: { err: { code: 'MANAGER_CLOSED' } } },
    ]);
    expect(done).toEqual([]);
  });

  it('does not wait for what was left out', async () => {
    await route((ctx) => {
      background(ctx).add(doing('success'));
      ctx.status = 500;
    });
    await get();
    expect(await manager.close({ graceMs: 20_000 })).toMatchObject({ completed: 0 });
  });

  it('once it is over lets nothing begin, and the response is sent all the same', async () => {
    await route((ctx) => {
      background(ctx).add(note, 'too late');
      ctx.body = 'ok';
    });
    await manager.close({ graceMs: 0 });
    expect(await get()).toBe(200);
    await until(() => lines.length === 1);
    expect(lines).toMatchObject([{ fields: { task: 'note', err: { code: 'MANAGER_CLOSED' } } }]);
  });
});

describe('mistakes', () => {
  it.each<[string, (ctx: Context) => void, string]>([
    ['a promise', (ctx) => background(ctx).add(Promise.resolve() as never), 'a task must be made by defineTask()'],
    ['an unknown option', (ctx) => background(ctx).add(note, 'a', { wen: 1 } as never), 'no option "wen"'],
    ['a wrong when', (ctx) => background(ctx).add(note, 'a', { when: 'never' as never }), 'when must be'],
    ['a wrong parallel', (ctx) => background(ctx).add(note, 'a', { parallel: 3 as never }), 'parallel must be'],
    ['a wrong priority', (ctx) => background(ctx).add(note, 'a', { priority: 5_000 }), 'priority must be'],
    ['a wrong name', (ctx) => background(ctx).add(() => 1, { name: 'a b' }), 'name must be'],
    [
      'a thousand and one',
      (ctx) => {
        for (let index = 0; index <= 1_000; index += 1) background(ctx).add(note, 'a');
      },
      'at most 1000 runs',
    ],
  ])('such as %s are told where they are made', async (_what, mistake, message) => {
    let told = '';
    await route((ctx) => {
      try {
        mistake(ctx);
      } catch (error) {
        told = (error as Error).message;
      }
      ctx.status = 500;
    });
    await get();
    expect(told).toContain(message);
  });

  it('such as two managers are told; the same one twice is one', async () => {
    await route(
      (ctx) => {
        background(ctx).add(doing('once'));
        ctx.body = 'ok';
      },
      [backgroundTasks({ manager })],
    );
    expect(await get()).toBe(200);
    await until(() => done.length === 1);
    await server?.close();
    const other = new TaskManager();
    await route((ctx) => void (ctx.body = 'ok'), [backgroundTasks({ manager: other })]);
    expect(await get()).toBe(500);
    await other.close({ graceMs: 0 });
  });
});
