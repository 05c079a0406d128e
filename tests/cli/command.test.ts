import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { linkPackages, programs, ROOT, startServer, type Ended } from '../scenarios/program.js';
import { finished, startRun } from '../scenarios/runs.js';
import { temporaryFolders } from '../temporary-folder.js';

const makeFolder = temporaryFolders();
const start = programs();
let folder: string;

beforeEach(async () => {
  folder = await makeFolder();
});

/** Runs the command to its end. */
function errand(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return start(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], { cwd: folder, env }).ended;
}

/** A module in the folder. */
async function write(name: string, text: string): Promise<void> {
  await writeFile(join(folder, name), text);
}

describe('errand', () => {
  it('shows its help and its version', async () => {
    expect(await errand(['--help'])).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('serve'),
    });
    expect(await errand(['--version'])).toMatchObject({ code: 0, stderr: '', stdout: '0.1.0\n' });
    expect(await errand(['serve', '--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('ERRAND_DATA'),
    });
    expect(await errand(['worker', '--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--concurrency'),
    });
  });

  it.each([
    ['nothing', []],
    ['an unknown command', ['sevre']],
    ['an unknown option', ['--loud']],
    ['an unknown option of serve', ['serve', '--loud']],
    ['an unknown option of worker', ['worker', '--loud']],
  ])('given %s says in one line on stderr how to go on, and exits with 2', async (_what, args) => {
    const { code, stdout, stderr } = await errand(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^errand: .*--help\n$/);
  });
});

describe('errand serve', () => {
  it('refuses a host that others can reach unless --insecure is given', async () => {
    const refused = await errand(['serve', '--examples'], { HOST: '0.0.0.0', PORT: '0' });
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('access control') });
    const args = ['--examples', '--insecure'];
    const { stdout } = await startServer(start, args, { cwd: folder, env: { HOST: '0.0.0.0' } });
    expect(stdout).toContain('listens on http://0.0.0.0:');
  });

  it('says in one line that the port is in use, and exits with 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, stdout, stderr } = await errand(['serve', '--examples'], { PORT: String(port) });
    other.close();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      `errand: port ${port} on 127.0.0.1 is in use; set PORT to another one, or to 0 for any free one\n`,
    );
  });

  it('costs runs nothing when it cannot listen, however often it is started', async () => {
    const first = await startServer(start, ['--examples'], { cwd: folder });
    const run = await startRun(first, { task: 'slow-report', input: { steps: 2, stepMs: 1_000 } });
    first.kill('SIGKILL');
    await first.ended;
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    for (let started = 0; started < 4; started += 1)
      expect((await errand(['serve', '--examples'], { PORT: String(port) })).code).toBe(1);
    other.close();
    const last = await startServer(start, ['--examples'], { cwd: folder });
    expect(await finished(last, run)).toMatchObject({ status: 'completed', failures: [] });
  });

  it('says so when its folder cannot be used, and exits with 1', async () => {
    await write('taken', 'a file');
    const { code, stderr } = await errand(['serve', '--examples'], { PORT: '0', ERRAND_DATA: 'taken' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^errand: the folder for files cannot be used; set ERRAND_DATA to another one: .*\n$/);
  });

  it('with --no-work accepts and cancels; a later server does the work', async () => {
    const idle = await startServer(start, ['--examples', '--no-work'], { cwd: folder });
    expect(idle.stdout).toContain('Work: none here (--no-work)');
    const kept = await startRun(idle, { task: 'slow-report', input: { steps: 1, stepMs: 1 } });
    const unwanted = await startRun(idle, { task: 'slow-report', input: { steps: 1 } });
    const cancelled = await fetch(`${idle.url}/process/${unwanted.id}`, { method: 'DELETE' });
    expect([cancelled.status, await cancelled.json()]).toMatchObject([200, { status: 'cancelled' }]);
    const shown = await fetch(`${idle.url}/process/${kept.id}`);
    expect(await shown.json()).toMatchObject({ status: 'queued' });
    idle.kill('SIGTERM');
    expect(await idle.ended).toMatchObject({ code: 0 });
    const server = await startServer(start, ['--examples'], { cwd: folder });
    expect(await finished(server, kept)).toMatchObject({ status: 'completed' });
  });

  it('never shows the password of a server that it cannot reach', async () => {
    const env = { PORT: '0', ERRAND_BACKEND: 'redis://user:hunter2@127.0.0.1:1', LOG_LEVEL: 'trace' };
    const main = join(ROOT, 'dist/cli/main.js');
    const server = start(process.execPath, [main, 'serve', '--examples'], { cwd: folder, env });
    await Promise.race([server.ended, server.prints(/Press Ctrl/).catch(() => undefined)]);
    server.kill('SIGTERM');
    const { stdout, stderr } = await server.ended;
    expect(stdout + stderr).not.toBe('');
    expect(stdout + stderr).not.toContain('hunter2');
  });

  it('logs as JSON, as much as LOG_LEVEL says', async () => {
    const server = await startServer(start, ['--examples'], { cwd: folder, env: { LOG_LEVEL: 'debug' } });
    server.kill('SIGTERM');
    const lines = (await server.ended).stderr.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain('listening');
    const silent = await startServer(start, ['--examples'], { cwd: folder, env: { LOG_LEVEL: 'silent' } });
    silent.kill('SIGTERM');
    expect(await silent.ended).toMatchObject({ code: 0, stderr: '' });
  });

  describe('--tasks', () => {
    const SQUARE = `
      import { defineTask } from 'errand';
      export const square = defineTask({ name: 'square', handler: (n) => n * n });
      export const broken = defineTask({ name: 'broken', handler: () => { throw new Error('secret'); } });
      export const helper = () => 1;
    `;

    const RESOURCEFUL = `
      import { defineTask } from 'errand';
      export const ask = defineTask({ name: 'ask', handler: (_input, { resources }) => resources.db.answer });
      const mailer = () => { if (process.env.MAILER === 'down') throw new Error('no such host'); };
      export const resources = {
        db: { open: async () => ({ answer: 42 }), close: () => console.error('db closed') },
        mailer: { open: mailer },
      };
    `;

    it('serves what a module exports, and what handlers throw stays inside', async () => {
      await linkPackages(folder);
      await write('tasks.mjs', SQUARE);
      const server = await startServer(start, ['--tasks', './tasks.mjs'], { cwd: folder });
      expect(server.stdout).toContain('Tasks: broken, square\n');
      const squared = await finished(server, await startRun(server, { task: 'square', input: 12 }));
      expect(squared).toMatchObject({ status: 'completed', result: 144 });
      const failed = await finished(server, await startRun(server, { task: 'broken' }));
      expect(failed).toMatchObject({ status: 'failed', error: { message: 'The handler failed' } });
    });

    it('takes an array of tasks too, and the examples beside it', async () => {
      await linkPackages(folder);
      await write('a.mjs', SQUARE);
      await write('b.mjs', `import { square, broken } from './a.mjs'; export const tasks = [square, broken];`);
      const args = ['--tasks', 'a.mjs', '--tasks', 'b.mjs', '--examples'];
      const { stdout } = await startServer(start, args, { cwd: folder });
      expect(stdout).toMatch(/^Tasks: broken, .*import-products, .*slow-report, square\b/m);
    });

    it('opens the resources of a module for its handlers, and closes them at the end', async () => {
      await linkPackages(folder);
      await write('tasks.mjs', RESOURCEFUL);
      const server = await startServer(start, ['--tasks', 'tasks.mjs'], { cwd: folder });
      expect(await finished(server, await startRun(server, { task: 'ask' }))).toMatchObject({ result: 42 });
      server.kill('SIGTERM');
      expect(await server.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('db closed') });
    });

    it('says which resource cannot be opened and why, closes those before it, and exits with 1', async () => {
      await linkPackages(folder);
      await write('tasks.mjs', RESOURCEFUL);
      const { code, stdout, stderr } = await errand(['serve', '--tasks', 'tasks.mjs'], { PORT: '0', MAILER: 'down' });
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toBe('db closed\nerrand: The resource mailer could not be opened: Error: no such host\n');
    });

    it('ends though the module holds something open', async () => {
      await linkPackages(folder);
      await write('tasks.mjs', `${SQUARE}\nsetInterval(() => {}, 1_000);`);
      const server = await startServer(start, ['--tasks', 'tasks.mjs'], { cwd: folder });
      server.kill('SIGTERM');
      expect(await server.ended).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('kept the process up'),
      });
    });

    it.each([
      ['there is no such file', undefined, 'there is no such file'],
      ['it cannot be parsed', 'export const = 1', 'the module could not be loaded: SyntaxError: '],
      ['it throws', `throw new Error('no database')`, 'the module could not be loaded: Error: no database'],
      ['it exports no tasks', 'export const a = 1;', 'no tasks are exported: export what defineTask() returns'],
      [
        'its tasks are no array',
        'export const tasks = {};',
        'the export tasks must be an array of tasks; got an object',
      ],
      ['one of its tasks is none', 'export const tasks = [{ name: 1 }];', 'tasks[0] was not made by defineTask()'],
      [
        'its resources are none',
        `export const resources = { db: 1 };`,
        'resources.db must be an object with a function',
      ],
      ['its tasks come from elsewhere', `export const t = Object.freeze({ name: 't' });`, 'another copy of errand'],
    ])('says so when %s, and exits with 1', async (_what, text, message) => {
      if (text !== undefined) await write('tasks.mjs', text);
      const { code, stdout, stderr } = await errand(['serve', '--tasks', 'tasks.mjs'], { PORT: '0' });
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^errand: --tasks tasks\.mjs: /);
      expect(stderr).toContain(message);
      expect(stderr.split('\n')).toHaveLength(2);
    });

    it('refuses two tasks of one name', async () => {
      await linkPackages(folder);
      await write('tasks.mjs', SQUARE + `export const twin = defineTask({ name: 'square', handler: () => 1 });`);
      const { code, stderr } = await errand(['serve', '--tasks', 'tasks.mjs'], { PORT: '0' });
      expect([code, stderr]).toEqual([1, 'errand: there are two tasks named "square"\n']);
    });

    it('refuses two resources of one name, but for one that a module passes on', async () => {
      await linkPackages(folder);
      await write('a.mjs', RESOURCEFUL);
      await write('b.mjs', `export { ask, resources } from './a.mjs';`);
      await write('c.mjs', `export { ask } from './a.mjs'; export const resources = { db: { open: () => 1 } };`);
      await startServer(start, ['--tasks', 'a.mjs', '--tasks', 'b.mjs'], { cwd: folder });
      const { code, stderr } = await errand(['serve', '--tasks', 'a.mjs', '--tasks', 'c.mjs'], { PORT: '0' });
      expect([code, stderr]).toEqual([1, 'errand: there are two resources named "db"\n']);
    });
  });
});

describe('errand worker', () => {
  it.each([
    ['a file', 'sqlite', 'a file belongs to the one process that has opened it'],
    ['memory', 'memory', 'what is in the memory of another process'],
  ])('cannot take runs from %s, says why, and exits with 2', async (_what, backend, why) => {
    const { code, stdout, stderr } = await errand(['worker', '--examples'], { ERRAND_BACKEND: backend });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(why);
    expect(stderr).toMatch(/^errand: .*set ERRAND_BACKEND to redis:\/\/… or postgres:\/\/….*\n$/);
  });

  it('refuses queues of which it has no task, names those that it has, and exits with 1', async () => {
    const env = { ERRAND_BACKEND: 'redis://127.0.0.1:1' };
    const { code, stderr } = await errand(['worker', '--examples', '--queues', 'mial*'], env);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^errand: --queues mial\*: no task is in such a queue; the queues of its tasks are default, .*\bmail, .*\n$/,
    );
  });
});
