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
  });

  it.each([
    ['nothing', []],
    ['an unknown command', ['sevre']],
    ['an unknown option', ['--loud']],
    ['an unknown option of serve', ['serve', '--loud']],
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

  it('says so when its folder cannot be used, and exits with 1', async () => {
    await write('taken', 'a file');
    const { code, stderr } = await errand(['serve', '--examples'], { PORT: '0', ERRAND_DATA: 'taken' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^errand: the folder for files cannot be used; set ERRAND_DATA to another one: .*\n$/);
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
      expect(stdout).toContain('Tasks: broken, import-products, slow-report, square\n');
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
  });
});
