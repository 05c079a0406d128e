import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import { z } from 'zod';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { importRuns } from '../../src/imports/import-runs.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { Logger } from '../../src/ports/logger.js';
import { TaskError, unconfirmedStart } from '../../src/task/errors.js';
import { defineTask } from '../../src/task/task.js';
import { raw, serve, type RawAnswer, type TestServer } from './server.js';

const LONG = 'k'.repeat(10_000);
const SCRIPT = '<script>alert(1)</script>';

const form = defineTask({
  name: 'form',
  input: z.strictObject({
    size: z.number().optional(),
    'unit price': z.number().optional(),
    more: z.record(z.string(), z.number()).optional(),
  }),
  handler: () => 1,
});
const fragile = defineTask({
  name: 'fragile',
  input: {
    '~standard': {
      version: 1,
      vendor: 'tests',
      validate: (value: unknown) => {
        const error = new Error('the price list of /srv/secret is gone');
        if (value === 'later') return Promise.reject(error);
        throw error;
      },
    },
  },
  handler: () => 1,
});

const failing = defineTask({
  name: 'failing',
  handler: () => {
    throw new Error('always');
  },
});

let manager: TaskManager;
let release: () => void;
let server: TestServer;
let logged: { fields: { err?: unknown }; message: string }[];
const quiet = (): void => undefined;
const logger: Logger = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: (fields, message) => logged.push({ fields, message }),
};

beforeEach(async () => {
  logged = [];
  release = () => undefined;
  manager = new TaskManager({ tasks: [form, fragile, failing], graceMs: 0 });
  const imports = importRuns({ manager, files: fileFolder({ folder: '/dev/null/no-folder' }) });
  const app = new Koa();
  app.use(taskRoutes({ manager, imports, logger }).routes());
  server = await serve(app);
});

afterEach(async () => {
  release();
  await manager.close({ graceMs: 0 });
  await server.close();
});

function post(path: string, body: unknown): Promise<RawAnswer> {
  const headers = { 'content-type': 'application/json' };
  return raw(server, { method: 'POST', path, headers, body: JSON.stringify(body) });
}

interface Problem {
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

async function refusal(body: unknown): Promise<Problem & { text: string }> {
  const { text } = await post('/process', body);
  return { ...(JSON.parse(text) as Problem), text };
}

describe('a problem', () => {
  it.each([LONG, SCRIPT, 'a"b', 'é', 'two\nlines'])('does not repeat a member that nobody expected', async (key) => {
    for (const body of [
      { task: 'form', input: { [key]: 1 } },
      { task: 'form', input: { more: { [key]: 'none' } } },
      { task: 'form', [key]: 1 },
      { task: key },
    ]) {
      const problem = await refusal(body);
      expect(problem.text).not.toContain(JSON.stringify(key).slice(1, -1));
      expect(problem.text.length).toBeLessThan(1_000);
      expect(problem.errors).toHaveLength(1);
    }
  });

  it('leads to a member that nobody expected where its name is plain, in words of its own', async () => {
    const detail = 'There is no such member';
    expect(await refusal({ task: 'form', input: { sise: 1, more: {} } })).toMatchObject({
      code: 'INPUT_INVALID',
      detail: `The input does not fit the task: /sise ${detail}`,
      errors: [{ pointer: '/input/sise', detail }],
    });
    expect((await refusal({ task: 'form', sise: 1 })).errors).toEqual([{ pointer: '/sise', detail }]);
    expect((await refusal({ task: 'form', input: { [SCRIPT]: 1 } })).errors).toEqual([{ pointer: '/input', detail }]);
  });

  it('leads to members of the schema whose names are words', async () => {
    const problem = await refusal({ task: 'form', input: { 'unit price': 'x' } });
    expect(problem.errors?.[0]?.pointer).toBe('/input/unit price');
  });

  it('does not repeat the name of a task or run that there is not', async () => {
    for (const answer of [
      await post('/process', { task: 'no-such-name' }),
      await post('/process/no-such-name/import', []),
      await post('/process/no-such-name/redrive', {}),
      await raw(server, { path: '/process/no-such-name' }),
    ]) {
      expect(answer.status).toBe(404);
      expect(answer.text).not.toContain('no-such-name');
    }
    expect(logged).toEqual([]);
  });
});

describe('a conflict', () => {
  const conflict = async (path: string, body?: unknown): Promise<unknown> => JSON.parse((await post(path, body)).text);

  it('says what stands in the way and what a client can do, and does not repeat the id', async () => {
    const stuck = new Promise<void>((resolve) => (release = resolve));
    const run = await manager.start('the-id', () => stuck);
    await manager.start('other', () => undefined);
    expect(await conflict('/process', { task: 'form', input: {}, id: 'the-id' })).toMatchObject({
      status: 409,
      code: 'RUN_CONFLICT',
      detail: 'A run of this id is running: wait for its end, or use another id',
      runStatus: 'running',
    });
    await manager.cancel('the-id');
    expect((await run.settled()).abandoned).toBe(true);
    expect(await conflict('/process', { task: 'form', input: {}, id: 'the-id' })).toMatchObject({
      detail: 'The run of this id is cancelled, but its handler is still at work: wait, or use another id',
      runStatus: 'cancelled',
    });
  });

  it('says of a run that cannot be redriven why not, and which run it was redriven as', async () => {
    await (await manager.start('the-id', () => 1)).settled();
    expect(await conflict('/process/the-id/redrive')).toMatchObject({
      detail: 'Only a failed run of a task can be redriven',
      runStatus: 'completed',
    });
    await (await manager.startNamed('failing', 1, { id: 'failed' })).settled();
    const { id } = JSON.parse((await post('/process/failed/redrive', undefined)).text) as { id: string };
    expect(await conflict('/process/failed/redrive')).toMatchObject({
      detail: `The run was redriven before, as ${id}`,
    });
  });
});

describe('a conflict with a run that was never of a task', () => {
  it('says that it cannot be redriven, and no status, which is not what stands in the way', async () => {
    const fail = (): never => {
      throw new Error('no');
    };
    await (await manager.start('the-id', fail)).settled();
    const problem = JSON.parse((await post('/process/the-id/redrive', undefined)).text) as object;
    expect(problem).toMatchObject({ status: 409, detail: 'Only a failed run of a task can be redriven' });
    expect(problem).not.toHaveProperty('runStatus');
  });
});

describe('a schema that throws', () => {
  it.each(['now', 'later'])('is a fault of the server, and logged with what it threw (%s)', async (input) => {
    const { status, text } = await post('/process', { task: 'fragile', input });
    expect([status, (JSON.parse(text) as Problem).code]).toEqual([500, 'INTERNAL']);
    expect(text).not.toContain('secret');
    expect(logged).toMatchObject([{ fields: { err: { cause: { message: expect.stringContaining('/srv/secret') } } } }]);
  });
});

it('an error of Errand that no request can be blamed for is a 500 that says nothing of it, and is logged', async () => {
  const error = new TaskError('LEASE_LOST', 'the lease of /srv/secret was lost');
  Reflect.set(manager, 'get', () => Promise.reject(error));
  const answer = await raw(server, { path: '/process/x' });
  expect(JSON.parse(answer.text)).toMatchObject({ status: 500, code: 'INTERNAL' });
  expect(answer.text).not.toContain('secret');
  expect(logged).toMatchObject([{ fields: { err: error } }]);
});

describe('a store that cannot be written to', () => {
  it('is a 503 that says no more than that, and is logged with its cause', async () => {
    const { status, text, headers } = await post('/process/form/import', []);
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(text)).toMatchObject({
      code: 'BACKEND',
      detail: 'What the server keeps cannot be read or written at the moment',
    });
    expect(text).not.toContain('no-folder');
    expect(logged).toMatchObject([{ fields: { err: { code: 'BACKEND', cause: { code: 'ENOTDIR' } } } }]);
  });
});

describe('a start that the disk does not confirm', () => {
  it('is a 503 that names the run, which may begin later', async () => {
    Reflect.set(manager, 'startNamed', () => Promise.reject(unconfirmedStart('r1', new Error('EIO at /srv/secret'))));
    const { status, text, headers } = await post('/process', { task: 'form', input: {} });
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(text)).toMatchObject({
      code: 'BACKEND',
      detail: expect.stringContaining('Run r1 may have been accepted'),
    });
    expect(text).not.toContain('secret');
  });
});

describe('a server that shuts down', () => {
  it('refuses runs without reporting each as a fault', async () => {
    await manager.close();
    for (const path of ['/process', '/process/unknown/redrive'])
      expect((await post(path, { task: 'form' })).status).toBe(503);
    expect(logged).toEqual([]);
  });
});
