import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { ownPostgres, ownRedis } from '../servers/own-server.js';
import { temporaryFolders } from '../temporary-folder.js';
import { linkPackages, listening, programs, ROOT, startServer, type ServerProgram } from './program.js';
import { finished, startRun } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();

/** Four parts of a chain, and four steps of a task. The process dies in the one that DIE_IN says, once both are there. */
const TASKS = `
import { appendFileSync } from 'node:fs';
import { chain, defineTask, defineWorkflow } from 'errand';

let there = 0;
function work(what, n) {
  appendFileSync('told.txt', what + n + '\\n');
  if (process.env.DIE_IN !== String(n)) return n;
  there += 1;
  if (there === 2) process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}
const part = (n) => defineTask({
  name: 'part-' + n,
  maxCrashes: 10,
  handler: async (before) => [...before, await work('part ', n)],
});
export const chained = defineWorkflow({ name: 'chained', maxCrashes: 10 }, chain(part(1), part(2), part(3), part(4)));
export const stepped = defineTask({
  name: 'stepped',
  maxCrashes: 10,
  handler: async (_, ctx) => {
    const done = [];
    for (const n of [1, 2, 3, 4]) done.push(await ctx.step('step-' + n, () => work('step ', n)));
    return done;
  },
});
`;

async function newFolder(): Promise<string> {
  const cwd = await makeFolder();
  await linkPackages(cwd);
  await writeFile(join(cwd, 'package.json'), '{ "type": "module" }');
  await writeFile(join(cwd, 'tasks.js'), TASKS);
  await appendFile(join(cwd, 'told.txt'), '');
  return cwd;
}

/** How often each part and step was begun. */
async function begun(cwd: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const lines = (await readFile(join(cwd, 'told.txt'), 'utf8')).split('\n');
  for (const line of lines.slice(0, -1)) counts[line] = (counts[line] ?? 0) + 1;
  return counts;
}

async function startBoth(server: ServerProgram) {
  return {
    chained: await startRun(server, { task: 'chained', input: [] }),
    stepped: await startRun(server, { task: 'stepped' }),
  };
}

it('a chain and a task with steps in a file go on after each kill where they were: what has ended is not run again', async () => {
  const cwd = await newFolder();
  const serve = (dieIn: string): Promise<ServerProgram> =>
    startServer(start, ['--tasks', 'tasks.js'], { cwd, env: { DIE_IN: dieIn } });
  let server = await serve('2');
  const runs = await startBoth(server);
  for (const dieIn of ['3', '4', '']) {
    expect(await server.ended).toMatchObject({ signal: 'SIGKILL' });
    server = await serve(dieIn);
  }
  expect(await finished(server, runs.chained)).toMatchObject({ status: 'completed', result: [1, 2, 3, 4], attempt: 1 });
  expect(await finished(server, runs.stepped)).toMatchObject({ status: 'completed', result: [1, 2, 3, 4], attempt: 1 });
  expect(await begun(cwd)).toEqual({
    ...{ 'part 1': 1, 'part 2': 2, 'part 3': 2, 'part 4': 2 },
    ...{ 'step 1': 1, 'step 2': 2, 'step 3': 2, 'step 4': 2 },
  });
}, 90_000);

for (const server of [ownRedis(), ownPostgres()]) {
  server.describe(`on ${server.name}, a chain and a task with steps whose worker is killed`, () => {
    it('go on in another worker where they were: what has ended is not run again', async () => {
      const cwd = await newFolder();
      const main = join(ROOT, 'dist/cli/main.js');
      const env = { ERRAND_BACKEND: await server.empty(), ERRAND_DATA: 'data', PORT: '0' };
      const begin = (mode: readonly string[], dieIn: string): Promise<ServerProgram> =>
        listening(
          start(process.execPath, [main, ...mode, '--tasks', 'tasks.js'], { cwd, env: { ...env, DIE_IN: dieIn } }),
        );
      const api = await begin(['serve', '--no-work'], '');
      const worker = await begin(['worker'], '3');
      const runs = await startBoth(api);
      expect(await worker.ended).toMatchObject({ signal: 'SIGKILL' });
      await begin(['worker'], '');
      expect(await finished(api, runs.chained)).toMatchObject({ status: 'completed', result: [1, 2, 3, 4] });
      expect(await finished(api, runs.stepped)).toMatchObject({ status: 'completed', result: [1, 2, 3, 4] });
      expect(await begun(cwd)).toEqual({
        ...{ 'part 1': 1, 'part 2': 1, 'part 3': 2, 'part 4': 1 },
        ...{ 'step 1': 1, 'step 2': 1, 'step 3': 2, 'step 4': 1 },
      });
    }, 120_000);
  });
}
