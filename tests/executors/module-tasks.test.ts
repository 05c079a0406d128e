import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import Koa from 'koa';
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.js';
import { processes, threads } from '../../src/executors/thread/index.js';
import { taskRoutes } from '../../src/koa/task-routes.js';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { Task } from '../../src/task/task.js';
import { raw, serve, type RawAnswer, type TestServer } from '../koa/server.js';
import { programs, ROOT } from '../scenarios/program.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { type Deed, deeds } from './deeds.js';

const made = deeds();
const newFolder = temporaryFolders();
const start = programs();
const managers: TaskManager[] = [];
const servers: TestServer[] = [];

afterEach(async () => {
  for (const manager of managers.splice(0)) await manager.close({ graceMs: 0 });
  for (const server of servers.splice(0)) await server.close();
});

function newManager(options: ManagerOptions = {}): TaskManager {
  const executors = [threads({ maxThreads: 1 }), processes({ maxProcesses: 1 })];
  const manager = new TaskManager({ graceMs: 100, executors, ...options });
  managers.push(manager);
  return manager;
}

/** Not one that only waits for its parent to look. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function threadsNow(): number {
  return readdirSync('/proc/self/task').length;
}

describe.each(['thread', 'process'] as const)('a task with executor %s', (executor) => {
  let task: Task<Deed, unknown>;
  beforeAll(() => {
    task = made.task(executor);
  });

  async function served(): Promise<(method: string, path: string, body?: unknown) => Promise<RawAnswer>> {
    const app = new Koa();
    app.use(taskRoutes({ manager: newManager({ tasks: [task] }) }).routes());
    const server = await serve(app);
    servers.push(server);
    return (method, path, body) => {
      const lines = Array.isArray(body) ? body.map((each) => JSON.stringify(each)).join('\n') : JSON.stringify(body);
      const type = Array.isArray(body) ? 'application/x-ndjson' : 'application/json';
      const headers = { prefer: 'wait=20', ...(body !== undefined && { 'content-type': type }) };
      return raw(server, { method, path, headers, ...(body !== undefined && { body: lines }) });
    };
  }

  function parsed({ text }: RawAnswer): Record<string, unknown> {
    return JSON.parse(text) as Record<string, unknown>;
  }

  it('is started over HTTP, and ended by a DELETE in the middle of a loop', async () => {
    const ask = await served();
    const started = ask('POST', '/process', { task: task.name, input: { do: 'spin' }, id: 'loop' });
    const [manager] = managers;
    await until(async () => (await manager?.get('loop'))?.progress?.done === 1);
    const deleted = await ask('DELETE', '/process/loop?reason=enough');
    expect([deleted.status, parsed(deleted)]).toEqual([
      200,
      expect.objectContaining({ status: 'cancelled', cancelReason: 'enough', abandoned: false }),
    ]);
    expect(parsed(await started)).toMatchObject({ status: 'cancelled' });
    const next = await ask('POST', '/process', { task: task.name, input: { do: 'echo', with: 'next' } });
    expect([next.status, parsed(next)]).toEqual([
      200,
      expect.objectContaining({ status: 'completed', result: 'next' }),
    ]);
  });

  it('takes the records of an import', async () => {
    const ask = await served();
    const records = [
      ...Array.from({ length: 20 }, (_, n) => ({ do: 'echo', with: n })),
      { do: 'throw', with: { name: 'E', message: 'no' } },
    ];
    const { id } = parsed(await ask('POST', `/process/${task.name}/import`, records)) as { id: string };
    const ended = parsed(await ask('GET', `/process/${id}`));
    expect(ended).toMatchObject({ status: 'completed', result: { total: 21, succeeded: 20, failed: 1 } });
    const failures = await ask('GET', `/process/${id}/failures`);
    expect(JSON.parse(failures.text.trim())).toMatchObject({ index: 20, error: { code: 'HANDLER_FAILED' } });
  });

  it('keeps its results in a file, and is run again where a close has ended it', async () => {
    const file = `${await newFolder()}/runs.db`;
    const first = newManager({ tasks: [task], backend: sqlite({ file }) });
    const value = { n: 1, list: ['a'] };
    const done = await first.start(task, { do: 'echo', with: value });
    await done.settled();
    const looping = await first.start(task, { do: 'spin' });
    await until(async () => (await first.get(looping.id))?.progress?.done === 1);
    expect(await first.close({ graceMs: 0 })).toMatchObject({ interrupted: 1, abandoned: 0 });
    const second = newManager({ tasks: [task], backend: sqlite({ file }) });
    await second.open();
    expect(await second.get(done.id)).toMatchObject({ status: 'completed', result: value });
    await until(async () => (await second.get(looping.id))?.progress?.done === 1);
    expect(await second.get(looping.id)).toMatchObject({ status: 'running', attempt: 1 });
    await second.cancel(looping.id);
    expect(await second.handle(looping.id).settled()).toMatchObject({ status: 'cancelled', abandoned: false });
  });

  it('leaves no thread and no process behind when its manager has closed', async () => {
    // What Node and SQLite make once is there by now.
    const before = threadsNow();
    const manager = newManager();
    const { pid } = (await (await manager.start(task, { do: 'where' })).result()) as { pid: number };
    expect(executor === 'thread' ? threadsNow() > before : isAlive(pid)).toBe(true);
    // It is kept for the next run.
    await manager.close({ graceMs: 0 });
    await until(() => threadsNow() <= before, 'the threads to end');
    if (executor === 'process') expect(isAlive(pid)).toBe(false);
  });
});

describe('a process in which a handler is at work', () => {
  it.each(['for (;;);', 'return new Promise(() => setInterval(() => 1, 1_000));'])(
    'ends when its parent is killed: %s',
    async (work) => {
      const text = `export default (input, ctx) => { ctx.log.info('child ' + process.pid); ${work} }`;
      const url = await made.module(`orphan-${work.length}.mjs`, text);
      const parent = start(process.execPath, ['--input-type=module', '--eval', parentOf(url)], { cwd: ROOT });
      const pid = Number(await parent.prints(/child (\d+)/));
      expect(isAlive(pid)).toBe(true);
      parent.kill('SIGKILL');
      await until(() => !isAlive(pid), 'the child to end');
    },
  );
});

/** A program that has the handler of this module called in a child process. */
function parentOf(url: URL): string {
  return `
    import { defineTask, TaskManager } from 'errand';
    import { threadModule } from 'errand/thread';
    const print = (_, line) => console.log(line);
    const manager = new TaskManager({ logger: { debug: print, info: print, warn: print, error: print } });
    const module = threadModule(${JSON.stringify(url.href)});
    await manager.start(defineTask({ name: 'orphan', executor: 'process', module }), null);
  `;
}
