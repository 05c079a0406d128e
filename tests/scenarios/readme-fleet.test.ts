import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from '@jest/globals';
import { ownRedis } from '../servers/own-server.js';
import { temporaryFolders } from '../temporary-folder.js';
import { between, blocksOf, patternOf } from './markdown.js';
import { linkPackages, listening, type Program, programs, ROOT } from './program.js';

const makeFolder = temporaryFolders();
const start = programs();
const redis = ownRedis();
const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
/** Where the README has its Redis: the test's own is on another port, and empty. */
const THEIRS = 'redis://127.0.0.1:6379';
let url: string;

/** As a clone that was built, in which building does nothing: other tests use what was built. */
async function clone(): Promise<string> {
  const folder = await makeFolder();
  await symlink(join(ROOT, 'dist'), join(folder, 'dist'));
  await mkdir(join(folder, 'node_modules'));
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, type: 'module', scripts: { build: 'node --version' } }),
  );
  return folder;
}

redis.describe('the README, from one process to a fleet', () => {
  beforeEach(async () => {
    url = await redis.empty();
  }, 60_000);

  it('has commands for two servers and two workers, and a cancel that reaches the other process', async () => {
    const [first, second, worker, cancel, printed, ...more] = blocksOf(between(readme, 'fleet'));
    expect([worker?.text.includes(' worker '), more]).toEqual([true, []]);
    const cwd = await clone();
    // As they stand, but for the Redis, and for ports that are free here.
    const run = (script = '', env = {}): Program =>
      start('bash', ['-euc', script.replaceAll(THEIRS, url).replace('PORT=3001', 'PORT=0')], { cwd, env });
    const [one, other] = await Promise.all([
      listening(run(first?.text, { PORT: '0' })),
      listening(run(second?.text)),
      listening(run(worker?.text)),
      listening(run(worker?.text)),
    ]);
    const here = (cancel?.text ?? '').replaceAll('http://127.0.0.1:3000', one.url);
    const { code, stdout, stderr } = await run(here.replaceAll('http://127.0.0.1:3001', other.url)).ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trim()).toMatch(patternOf(printed?.text ?? ''));
  }, 60_000);

  it('has code that runs', async () => {
    const examples = blocksOf(readme).filter(({ language, text }) => language === 'ts' && text.includes(THEIRS));
    expect(examples).toHaveLength(1);
    const cwd = await makeFolder();
    await linkPackages(cwd);
    await writeFile(join(cwd, 'example.mjs'), examples[0]?.text.replace(THEIRS, url) ?? '');
    const { code, stderr } = await start(process.execPath, ['example.mjs'], { cwd }).ended;
    expect([code, stderr]).toEqual([0, '']);
  }, 60_000);
});
