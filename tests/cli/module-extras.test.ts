import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { linkPackages, programs, ROOT, type ServerProgram, startServer } from '../scenarios/program.js';
import { temporaryFolders } from '../temporary-folder.js';

const makeFolder = temporaryFolders();
const start = programs();
let folder: string;

beforeEach(async () => {
  folder = await makeFolder();
  await linkPackages(folder, ['@koa/router']);
});

const GREET = `
  import Router from '@koa/router';
  import { defineTask } from 'errand';
  export const greet = defineTask({ name: 'greet', handler: (name) => 'hello ' + name });
`;
const EXTRAS = `${GREET}
  export const schedules = { nightly: { task: greet, input: 'night', cron: '30 2 * * *' } };
  export const routes = ({ manager }) => new Router().post('/greetings/:name', async (ctx) => {
    const run = await manager.start(greet, ctx.params.name);
    ctx.status = 201;
    ctx.body = { said: await run.result() };
  });
`;

async function served(source: string): Promise<ServerProgram> {
  await writeFile(join(folder, 'tasks.mjs'), source);
  return startServer(start, ['--tasks', 'tasks.mjs'], { cwd: folder });
}

async function refused(...sources: readonly string[]): Promise<string> {
  const names = sources.map((_, index) => `tasks${index}.mjs`);
  for (const [index, name] of names.entries()) await writeFile(join(folder, name), sources[index] ?? '');
  const args = [join(ROOT, 'dist/cli/main.js'), 'serve', ...names.flatMap((name) => ['--tasks', name])];
  const { code, stdout, stderr } = await start(process.execPath, args, { cwd: folder, env: { PORT: '0' } }).ended;
  expect([code, stdout]).toEqual([1, '']);
  return stderr;
}

async function scheduleOf(server: ServerProgram): Promise<Readonly<Record<string, unknown>>> {
  return (await (await fetch(`${server.url}/schedules/nightly`)).json()) as Readonly<Record<string, unknown>>;
}

describe('a module of tasks', () => {
  it('brings schedules along, which are put at each start and stay paused', async () => {
    const first = await served(EXTRAS);
    expect(await scheduleOf(first)).toMatchObject({ task: 'greet', cron: '30 2 * * *', paused: false });
    await fetch(`${first.url}/schedules/nightly/pause`, { method: 'POST' });
    first.kill('SIGTERM');
    await first.ended;
    const second = await served(EXTRAS);
    expect(await scheduleOf(second)).toMatchObject({ paused: true });
  });

  it('brings routes along, which pages of other sites change nothing through', async () => {
    const server = await served(EXTRAS);
    const greetings = `${server.url}/greetings/Ada`;
    const answer = await fetch(greetings, { method: 'POST' });
    expect([answer.status, await answer.json()]).toEqual([201, { said: 'hello Ada' }]);
    const page = await fetch(greetings, { method: 'POST', headers: { 'Sec-Fetch-Site': 'cross-site' } });
    expect([page.status, await page.json()]).toMatchObject([403, { code: 'FORBIDDEN' }]);
    expect((await fetch(`${server.url}/none`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${server.url}/process`)).status).toBe(200);
  });

  it.each([
    ['schedules = [];', 'the export schedules must be an object of schedules by their ids'],
    ['schedules = { nightly: 5 };', 'the export schedules must be an object of schedules by their ids'],
    [
      `schedules = { nightly: { task: greet, cron: 'soon' } };`,
      'the schedule "nightly" cannot be put: RangeError: cron',
    ],
    [`schedules = { nightly: { task: 'none', everyMs: 1000 } };`, 'the schedule "nightly" cannot be put: '],
    ['routes = [];', 'the export routes must be a function ({ manager }) => router'],
    ['routes = () => 5;', 'the export routes must give a router of @koa/router'],
    [`routes = () => { throw new Error('no router today'); };`, 'Error: no router today'],
  ])('that exports %s is refused', async (source, message) => {
    const stderr = await refused(`${GREET} export const ${source}`);
    expect(stderr).toMatch(/^errand: .*\n$/);
    expect(stderr).toContain(message);
  });

  it('is refused beside another one with a schedule of the same id', async () => {
    const other = `${GREET.replace(`'greet'`, `'other'`)} export const schedules = { nightly: { task: greet, everyMs: 1000 } };`;
    expect(await refused(EXTRAS, other)).toBe('errand: there are two schedules named "nightly"\n');
  });

  it('may have a task that is called schedules or routes', async () => {
    const server = await served(`
      import { defineTask } from 'errand';
      export const schedules = defineTask({ name: 'schedules', handler: () => 1 });
      export const routes = defineTask({ name: 'routes', handler: () => 1 });
    `);
    expect(server.stdout).toContain('Tasks: routes, schedules\n');
  });
});
