import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { listening, programs, ROOT } from './program.js';
import { startRun } from './runs.js';

const makeFolder = temporaryFolders();
const start = programs();

/** A folder in which `npm start` is ours word for word, and building does nothing: other tests use what was built. */
async function folderToStartIn(): Promise<string> {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  const folder = await makeFolder();
  await mkdir(join(folder, 'node_modules'));
  await symlink(join(ROOT, 'dist'), join(folder, 'dist'));
  const manifest = { private: true, type: 'module', scripts: { build: 'node --version', start: scripts.start } };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  return folder;
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`, { headers: { Connection: 'close' } }).then(
    async (answer) => (await answer.text()) !== '',
    () => false,
  );
}

describe('npm start', () => {
  it('builds first, and serves the examples', async () => {
    const npm = start('npm', ['start'], { cwd: await folderToStartIn(), env: { PORT: '0' } });
    const server = await listening(npm);
    expect(npm.stdout).toContain(process.version);
    expect(npm.stdout).toMatch(/^Tasks: call-webhook, .*import-products, .*slow-report, /m);
    const { items } = (await (await fetch(`${server.url}/schedules`)).json()) as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual(['clean-up-expired', 'daily-report', 'health-check']);
    npm.kill('SIGTERM');
    await npm.ended;
    await until(async () => !(await answers(server.url)));
  });

  it('passes SIGTERM on to the server, which lets running work end', async () => {
    const npm = start('npm', ['start'], { cwd: await folderToStartIn(), env: { PORT: '0' } });
    const server = await listening(npm);
    const run = await startRun(server, { task: 'slow-report', input: { steps: 10, stepMs: 100 } });
    const watched = await fetch(server.url + run.links.events);
    npm.kill('SIGTERM');
    expect(await watched.text()).toContain('"status":"completed"');
    expect((await npm.ended).stderr).toContain('"msg":"shut down"');
    expect(await answers(server.url)).toBe(false);
  });

  it('lets running work end on Ctrl+C, though the server is told by the terminal and by npm', async () => {
    const npm = start('npm', ['start'], { cwd: await folderToStartIn(), env: { PORT: '0' } });
    const server = await listening(npm);
    const run = await startRun(server, { task: 'slow-report', input: { steps: 10, stepMs: 100 } });
    const watched = await fetch(server.url + run.links.events);
    process.kill(-npm.pid, 'SIGINT'); // a terminal tells the whole group
    expect(await watched.text()).toContain('"status":"completed"');
    expect((await npm.ended).stderr).toContain('"msg":"shut down"');
  });
});
