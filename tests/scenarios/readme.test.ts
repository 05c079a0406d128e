import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CODES } from '../../src/task/errors.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { between, blocksOf, linksOf, patternOf, type Block } from './markdown.js';
import { type Ended, linkPackages, listening, programs, ROOT, startServer } from './program.js';

const makeFolder = temporaryFolders();
const start = programs();
const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
const docs = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);

/** Compiling takes its time. */
const SLOW_MS = 60_000;

/** Each command of the tour, and what it is said to print. */
function tourOf(blocks: readonly Block[]): readonly { command: string; printed: string }[] {
  return blocks.flatMap(({ language, text }, index) => {
    if (language !== 'sh') return [];
    return [{ command: text, printed: blocks[index + 1]?.text ?? '' }];
  });
}

describe('the README', () => {
  it('starts the server with what package.json has, and shows what it prints', async () => {
    const [command, printed] = blocksOf(readme);
    expect(command).toEqual({ language: 'sh', text: 'npm install && npm start\n' });
    const server = await startServer(start, ['--examples'], { cwd: await makeFolder() });
    await server.prints(/Ctrl\+C/);
    const shown = server.stdout.replaceAll(String(server.port), '3000');
    expect(shown.trim()).toMatch(patternOf(printed?.text ?? ''));
  });

  it(
    'leads through a tour whose commands print what it says',
    async () => {
      const server = await startServer(start, ['--examples'], { cwd: await makeFolder() });
      const tour = tourOf(blocksOf(between(readme, 'tour')));
      expect(tour).toHaveLength(9);
      const mark = '<<< next >>>';
      const script = tour.map(({ command }) => `${command}\nprintf '${mark}'\n`).join('');
      const bash = start('bash', ['-euc', script.replaceAll('127.0.0.1:3000', `127.0.0.1:${server.port}`)], {
        cwd: ROOT,
      });
      const { code, stdout, stderr } = await bash.ended;
      expect([code, stderr]).toEqual([0, '']);
      const printed = stdout.split(mark).map((text) => text.trim());
      for (const [index, step] of tour.entries()) expect(printed[index]).toMatch(patternOf(step.printed));
    },
    SLOW_MS,
  );

  it(
    'has the server killed in the middle of an import, which the next one finishes',
    async () => {
      const cwd = await makeFolder();
      const [begin, look, ...once] = tourOf(blocksOf(between(readme, 'kill')));
      const server = await startServer(start, ['--examples'], { cwd });
      const tell = (script: string): Promise<Ended> =>
        start('bash', ['-euc', script.replaceAll('127.0.0.1:3000', `127.0.0.1:${server.port}`)], { cwd }).ended;
      const { stdout: id, stderr } = await tell(`${begin?.command ?? ''}\nprintf %s "$id"`);
      expect([stderr, (await server.ended).signal]).toEqual(['', 'SIGKILL']);
      await startServer(start, ['--examples'], { cwd, env: { PORT: String(server.port) } });
      expect((await tell(`id=${id}\n${look?.command ?? ''}`)).stdout).toMatch(patternOf(look?.printed ?? ''));
      expect(once).toHaveLength(1);
      for (const { command, printed } of once) {
        const { stdout } = await tell(command);
        expect(stdout.trim()).toMatch(patternOf(printed));
      }
    },
    SLOW_MS,
  );

  it('has counts in its last step that add up', () => {
    const [, total, succeeded, failed, cancelled] =
      /"total":(\d{5,}),"succeeded":(\d+),"failed":(\d+),"cancelled":(\d+)/.exec(readme)?.map(Number) ?? [];
    expect((succeeded ?? 0) + (failed ?? 0) + (cancelled ?? 0)).toBe(total);
  });

  it(
    'has code that compiles, runs, and prints what its comments say',
    async () => {
      const examples = blocksOf(readme).filter(({ language }) => language === 'ts');
      expect(examples).toHaveLength(5);
      const folder = await compiled(examples);
      for (const [index, { text }] of examples.entries()) {
        if (listens(text)) continue; // ends when it is told to: see below
        if (text.includes('redis://')) continue; // needs a server: readme-fleet.test.ts runs it
        const { code, stdout, stderr } = await start(process.execPath, [`example-${index}.js`], { cwd: folder }).ended;
        expect([code, stderr]).toEqual([0, '']);
        for (const [, comment = ''] of text.matchAll(/^console\.log.*; \/\/ (.*)$/gm))
          expect(stdout).toContain(comment);
      }
    },
    SLOW_MS,
  );
});

/** What a test adds to an application: it says where it listens, and has work that goes on until it is let go. */
const AT_WORK = `
server.once('listening', () => console.log('listens on http://127.0.0.1:' + server.address().port));
await manager.start('work', () => new Promise((resolve) => process.once('SIGUSR2', resolve)));
`;

function listens(text: string): boolean {
  return text.includes('.listen(3000)');
}

describe.each([
  ['README.md', '/process'],
  ['docs/koa.md', '/admin/process'],
])('the application in %s', (name, path) => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'answers on %s until running work has ended, then exits by itself with 0',
    async (signal) => {
      const shown = blocksOf(await readFile(join(ROOT, name), 'utf8')).filter(({ text }) => listens(text));
      expect(shown).toHaveLength(1);
      const folder = await compiled(shown);
      const program = join(folder, 'example-0.js');
      await writeFile(program, (await readFile(program, 'utf8')).replace('.listen(3000)', '.listen(0)') + AT_WORK);
      const app = await listening(start(process.execPath, [program], { cwd: folder }));
      const run = `${app.url}${path}/work`;
      const events = await fetch(`${run}/events`);
      app.kill(signal);
      await until(async () => (await fetch(`${run}/redrive`, { method: 'POST' })).status === 503);
      expect(await (await fetch(run)).json()).toMatchObject({ status: 'running' });
      app.kill('SIGUSR2');
      expect(await events.text()).toMatch(/event: done\ndata: .*"status":"completed"/);
      expect(await app.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    },
    SLOW_MS,
  );
});

describe('the docs', () => {
  it(
    'have code that compiles',
    async () => {
      const texts = await Promise.all(docs.map((name) => readFile(join(ROOT, name), 'utf8')));
      const examples = texts.flatMap(blocksOf).filter(({ language }) => language === 'ts');
      expect(examples.length).toBeGreaterThan(3);
      await compiled(examples);
    },
    SLOW_MS,
  );

  it('say what every error code means', async () => {
    const text = await readFile(join(ROOT, 'docs/errors.md'), 'utf8');
    expect(ERROR_CODES.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });

  it('are all linked from the README, and no link leads nowhere', async () => {
    expect(linksOf(readme)).toEqual(expect.arrayContaining(docs));
    for (const name of ['README.md', 'CHANGELOG.md', ...docs]) {
      const targets = linksOf(await readFile(join(ROOT, name), 'utf8')).map((link) => link.replace(/#.*/, ''));
      const lost = targets.filter((target) => !existsSync(join(ROOT, dirname(name), target)));
      expect([name, lost]).toEqual([name, []]);
    }
  });
});

/** Compiles examples in a project of its own; its folder then holds `example-0.js` and so on. */
async function compiled(examples: readonly Block[]): Promise<string> {
  const folder = await makeFolder();
  await linkPackages(folder, ['zod', 'koa', '@koa/router', '@types/koa', '@types/node', '@jest/globals']);
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const names = examples.map((_, index) => `example-${index}.ts`);
  await Promise.all(
    examples.map(({ text }, index) => writeFile(join(folder, `example-${index}.ts`), `${text}export {};\n`)),
  );
  const settings =
    '--strict --module nodenext --target es2022 --lib es2023,esnext.disposable --types node --ignoreConfig';
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), ...settings.split(' '), '--skipLibCheck', ...names];
  const { code, stdout } = await start(process.execPath, tsc, { cwd: folder }).ended;
  expect([code, stdout]).toEqual([0, '']);
  return folder;
}
