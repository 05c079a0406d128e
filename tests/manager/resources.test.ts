import { expect, describe, it } from '@jest/globals';
import { defineTask, hasCode, type Logger, memory, TaskError, TaskManager, type TaskContext } from '../../src/index.js';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import type { ResourceDefinition } from '../../src/task/resources.js';
import { ForwardingBackend } from '../../src/testing/forwarding-backend.js';
import { createTestManager } from '../../src/testing/test-manager.js';
import { until } from '../until.js';
import { closeNow, codeOf, Gate, newManager } from './workbench.js';

const resource = (ctx: TaskContext, name: string): unknown => Reflect.get(ctx.resources, name);

/** Resources that note when they come and go. */
function noting(...names: readonly string[]) {
  const notes: string[] = [];
  const definitions = names.map((name): [string, ResourceDefinition<unknown>] => [
    name,
    {
      open: () => {
        notes.push(`open ${name}`);
        return `the ${name}`;
      },
      close: (value) => void notes.push(`close ${String(value)}`),
    },
  ]);
  return { notes, resources: Object.fromEntries(definitions) };
}

function logging() {
  const lines: { readonly level: string; readonly fields: object; readonly message: string }[] = [];
  const level = (name: string) => (fields: object, message: string) =>
    void lines.push({ level: name, fields, message });
  const logger: Logger = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
  return { lines, logger };
}

class AwayBackend extends ForwardingBackend {
  override open(): never {
    throw new TaskError('BACKEND', 'away');
  }
}

class LastingBackend extends ForwardingBackend {
  override get durable(): boolean {
    return true;
  }
}

describe('resources', () => {
  it('are opened in order before a handler is called, and closed in reverse order after the last one', async () => {
    const { notes, resources } = noting('db', 'mailer');
    const { manager, clock } = newManager({ resources });
    const run = await manager.start('a', (ctx) => {
      notes.push('handler');
      return [resource(ctx, 'db'), resource(ctx, 'mailer')];
    });
    expect(await run.result()).toEqual(['the db', 'the mailer']);
    await closeNow(manager, clock);
    expect(notes).toEqual(['open db', 'open mailer', 'handler', 'close the mailer', 'close the db']);
  });

  it('are opened once, however many ask for them', async () => {
    const { notes, resources } = noting('db');
    const { manager } = newManager({ resources });
    await Promise.all([manager.open(), manager.open(), manager.start('a', () => 1), manager.counts()]);
    expect(notes).toEqual(['open db']);
  });

  it('are given to items and to every attempt, and cannot be changed by handlers', async () => {
    const { resources } = noting('db');
    const { manager, clock } = newManager({ resources });
    const seen: unknown[] = [];
    const run = await manager.start(
      'a',
      (ctx) => {
        seen.push(resource(ctx, 'db'), Object.isFrozen(ctx.resources));
        if (ctx.attempt === 1) throw new Error('once');
      },
      { retry: { maxAttempts: 2, initialDelayMs: 1, factor: 1, maxDelayMs: 1, jitter: 'none' } },
    );
    await clock.run(10);
    expect((await run.settled()).status).toBe('completed');
    expect(seen).toEqual(['the db', true, 'the db', true]);
  });

  it('get those before them, and learn the name of one that comes later', async () => {
    const { manager } = newManager({
      resources: {
        db: { open: () => 'db' },
        repository: { open: (opened): unknown => `repository of ${String(Reflect.get(opened, 'db'))}` },
        early: { open: (opened): unknown => Reflect.get(opened, 'late') },
        late: { open: () => 1 },
      },
    });
    await expect(manager.open()).rejects.toMatchObject({
      code: 'RESOURCE_FAILED',
      message: 'The resource early could not be opened',
      cause: { message: 'The resource late is not open yet: name it before those that need it' },
    });
  });

  it('that cannot be opened refuse every start by name, with the cause, and those before are closed again', async () => {
    const { notes, resources } = noting('db', 'cache');
    const down = new Error('connect ECONNREFUSED');
    let isDown = true;
    const broker: ResourceDefinition<unknown> = {
      open: () => {
        if (isDown) throw down;
        return 'the broker';
      },
    };
    const { manager } = newManager({ resources: { ...resources, broker } });
    const refused = await manager.start('a', () => 1).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'RESOURCE_FAILED',
      message: 'The resource broker could not be opened',
      cause: down,
    });
    expect(notes.splice(0)).toEqual(['open db', 'open cache', 'close the cache', 'close the db']);
    isDown = false;
    const run = await manager.start('a', (ctx) => resource(ctx, 'broker'));
    expect(await run.result()).toBe('the broker');
    expect(notes).toEqual(['open db', 'open cache']);
  });

  it('stay open while the backend cannot be opened, and are closed by the close of the manager', async () => {
    const { notes, resources } = noting('db');
    const { manager, clock } = newManager({ resources, backend: new AwayBackend(memory()) });
    expect(await codeOf(manager.open())).toBe('BACKEND');
    expect(await codeOf(manager.open())).toBe('BACKEND');
    await closeNow(manager, clock);
    expect(notes).toEqual(['open db', 'close the db']);
  });

  it('are not opened where no run is handled, nor by a close', async () => {
    const { notes, resources } = noting('db');
    const idle = newManager({ resources });
    await closeNow(idle.manager, idle.clock);
    const accepting = newManager({ resources, work: false, backend: new LastingBackend(memory()) });
    await accepting.manager.start(defineTask({ name: 't', handler: () => 1 }));
    await closeNow(accepting.manager, accepting.clock);
    expect(notes).toEqual([]);
  });

  it('that are being opened when the manager closes see it by their signal', async () => {
    const { notes, resources } = noting('db');
    const asked = new Gate();
    let reason: unknown;
    const slow: ResourceDefinition<unknown> = {
      open: (_opened, { signal }) =>
        new Promise((_resolve, reject) => {
          asked.open(true);
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            reject(new Error('given up'));
          });
        }),
    };
    const { manager, clock } = newManager({ resources: { ...resources, slow } });
    const opening = manager.open();
    opening.catch(() => undefined);
    await asked.promise;
    await closeNow(manager, clock);
    expect(await codeOf(opening)).toBe('MANAGER_CLOSED');
    expect(hasCode(reason, 'MANAGER_CLOSED')).toBe(true);
    expect(notes).toEqual(['open db', 'close the db']);
  });

  it('that open although they were told not to are closed as well', async () => {
    const closed: unknown[] = [];
    const gate = new Gate<string>();
    const stubborn: ResourceDefinition<unknown> = {
      open: () => gate.promise,
      close: (value) => void closed.push(value),
    };
    const { manager, clock } = newManager({ resources: { stubborn } });
    const opening = codeOf(manager.open());
    const closing = manager.close({ graceMs: 0 });
    gate.open('late');
    await clock.run(2_000);
    await closing;
    expect([await opening, closed]).toEqual(['MANAGER_CLOSED', ['late']]);
  });

  it('that cannot be closed are logged, and the others close all the same', async () => {
    const { lines, logger } = logging();
    const { notes, resources } = noting('db');
    const broken: ResourceDefinition<unknown> = {
      open: () => 1,
      close: () => {
        throw new Error('stuck');
      },
    };
    const { manager, clock } = newManager({ logger, resources: { ...resources, broken } });
    await manager.open();
    await closeNow(manager, clock);
    expect(notes).toEqual(['open db', 'close the db']);
    expect(lines).toMatchObject([
      { level: 'error', fields: { resource: 'broken' }, message: 'A resource could not be closed' },
    ]);
  });

  it('that never close are left behind by name, and the close of the manager keeps its time', async () => {
    const { lines, logger } = logging();
    const { notes, resources } = noting('db');
    const never: ResourceDefinition<unknown> = { open: () => 1, close: () => new Promise(() => undefined) };
    const { manager, clock } = newManager({ logger, resources: { ...resources, never, too: never } });
    await manager.open();
    const begunAt = clock.monotonic();
    let tookMs = Infinity;
    const closing = manager.close({ graceMs: 500 }).then(() => (tookMs = clock.monotonic() - begunAt));
    await clock.run(3_000);
    await closing;
    expect(tookMs).toBeLessThanOrEqual(1_500);
    expect(notes).toEqual(['open db', 'close the db']);
    expect(lines.map(({ fields, message }) => ({ ...fields, message }))).toEqual([
      { resource: 'too', message: 'A resource does not close: it is left behind' },
      { resource: 'never', message: 'A resource does not close: it is left behind' },
    ]);
  });

  it('are closed after handlers that were left behind', async () => {
    const { notes, resources } = noting('db');
    const { manager, clock } = newManager({ resources });
    const gate = new Gate();
    const run = await manager.start('a', () => gate.promise);
    await until(async () => (await run.snapshot())?.status === 'running');
    void run.settled().then(() => notes.push('abandoned'));
    expect(await closeNow(manager, clock)).toMatchObject({ interrupted: 1, abandoned: 1 });
    expect(notes).toEqual(['open db', 'abandoned', 'close the db']);
    gate.open(1);
  });

  it.each([
    ['no object', 1, 'resources must be an object of resources'],
    ['a list', [], 'resources must be an object of resources'],
    ['a plain value', { db: 'pool' }, 'resources.db must be an object with a function open'],
    ['an unknown member', { db: { open: (): number => 1, shut: 1 } }, 'resources.db has no option "shut"'],
    [
      'a close that is none',
      { db: { open: (): number => 1, close: 1 } },
      'resources.db.close must be a function; got 1',
    ],
  ])('are refused when they are made of %s', (_what, resources, message) => {
    expect(() => new TaskManager({ resources } as unknown as ManagerOptions)).toThrow(message);
  });

  it.each(['retire', 'close'] as const)('are closed also where the %s of the backend fails', async (method) => {
    const { notes, resources } = noting('db');
    const backend = Object.assign(new ForwardingBackend(memory()), {
      [method]: () => Promise.reject(new Error('no disk')),
    });
    const manager = new TaskManager({ backend, resources });
    await manager.open();
    await expect(manager.close({ graceMs: 0 })).rejects.toThrow('no disk');
    expect(notes).toEqual(['open db', 'close the db']);
  });

  it('of a test are the values themselves', async () => {
    const db = { query: () => 42 };
    const query = defineTask({ name: 'query', handler: (_input, ctx) => (resource(ctx, 'db') as typeof db).query() });
    const test = createTestManager({ resources: { db } });
    const run = await test.manager.start(query);
    await test.settleAll();
    expect(await run.result()).toBe(42);
    await test.close();
  });
});
