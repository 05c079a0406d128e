import { existsSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { linksOf } from '../scenarios/markdown.js';
import { installPackage, readManifest, type InstalledPackage } from './installed-package.js';

const root = join(import.meta.dirname, '../..');
const { exports: entries } = await readManifest(join(root, 'package.json'));
const subpaths = Object.keys(entries).filter((subpath) => !subpath.endsWith('.json'));

/** Installing asks the registry. */
const SLOW_MS = 180_000;

let installed: InstalledPackage;

beforeAll(async () => {
  installed = await installPackage();
}, SLOW_MS);

afterAll(() => installed.remove());

describe('the tarball', () => {
  it('holds the built modules, their types and maps, and what a reader needs', () => {
    const expected = /^(package\.json|LICENSE|[A-Z]+\.md|docs\/[a-z-]+\.md|dist\/.+(\.js|\.d\.ts|\.js\.map))$/;
    expect(installed.files.filter((path) => !expected.test(path))).toEqual([]);
    expect(installed.files).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']));
  });

  it('has every file that its README and other pages lead to', async () => {
    const lost: string[] = [];
    for (const path of installed.files.filter((name) => name.endsWith('.md'))) {
      for (const link of linksOf(await installed.read(path))) {
        const target = posix.join(posix.dirname(path), link.replace(/#.*/, ''));
        if (!installed.files.includes(target)) lost.push(`${path}: ${link}`);
      }
    }
    expect(lost).toEqual([]);
  });

  it('holds no tests, no examples and no data', () => {
    expect(installed.files.filter((path) => /(^|\/)(tests?|examples|bench|data)\/|\.test\./.test(path))).toEqual([]);
  });

  it('has every file that package.json points at', () => {
    const targets = Object.values(installed.manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    );
    const all = [...targets, ...Object.values(installed.manifest.bin)].map((path) => path.replace('./', ''));
    expect(all.filter((path) => !installed.files.includes(path))).toEqual([]);
  });

  it('has no source map that points nowhere', async () => {
    const lost: string[] = [];
    for (const path of installed.files.filter((name) => name.endsWith('.map'))) {
      const map = JSON.parse(await installed.read(path)) as { sources: string[]; sourcesContent?: (string | null)[] };
      map.sources.forEach((source, index) => {
        const inside = posix.join(posix.dirname(path), source);
        if (!map.sourcesContent?.[index] && !installed.files.includes(inside)) lost.push(`${path}: ${source}`);
      });
    }
    expect(lost).toEqual([]);
  });

  it('has no module that names a map which is not there', async () => {
    const lost: string[] = [];
    for (const path of installed.files.filter((name) => name.endsWith('.js'))) {
      const map = /^\/\/# sourceMappingURL=(.+)$/m.exec(await installed.read(path))?.[1];
      if (map !== undefined && !installed.files.includes(posix.join(posix.dirname(path), map))) lost.push(path);
    }
    expect(lost).toEqual([]);
  });

  it('has a command that the shell can start', async () => {
    for (const [name, path] of Object.entries(installed.manifest.bin)) {
      expect(await installed.read(path)).toMatch(/^#!\/usr\/bin\/env node\n/);
      const link = join(installed.folder, '../.bin', name);
      expect(existsSync(link) && (statSync(link).mode & 0o111) !== 0).toBe(true);
    }
  });
});

describe.each(subpaths)('the subpath %s', (subpath) => {
  const name = posix.join('errand', subpath);

  it('is imported alone, without a warning', async () => {
    const program = `const module = await import('${name}'); console.log(Object.keys(module).length > 0);`;
    expect(await installed.node(['--input-type=module', '-e', program])).toEqual({
      code: 0,
      stdout: 'true\n',
      stderr: '',
    });
  });

  it('is loaded by require(), without a warning', async () => {
    const program = `console.log(Object.keys(require('${name}')).length > 0);`;
    expect(await installed.node(['--input-type=commonjs', '-e', program])).toEqual({
      code: 0,
      stdout: 'true\n',
      stderr: '',
    });
  });

  it('has types that hold under strict settings, for import and for require', async () => {
    const folder = `types${subpath.slice(1)}`;
    await installed.write(`${folder}/esm.mts`, `import * as all from '${name}';\nexport const names: object = all;\n`);
    await installed.write(`${folder}/cjs.cts`, `import all = require('${name}');\nexport const names: object = all;\n`);
    expect(await compile([`${folder}/esm.mts`, `${folder}/cjs.cts`])).toEqual({ code: 0, stdout: '', stderr: '' });
  }, 60_000);
});

describe('the package', () => {
  it('is imported without any package but p-limit', async () => {
    await installed.write('hooks.mjs', HOOKS);
    await installed.write(
      'watch.mjs',
      `import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);\n`,
    );
    const { code, stdout } = await installed.node([
      '--import=./watch.mjs',
      '--input-type=module',
      '-e',
      `import 'errand';`,
    ]);
    expect(code).toBe(0);
    const loaded = new Set([...stdout.matchAll(/\/node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\//g)].map(([, name]) => name));
    // yocto-queue is what p-limit itself is made of.
    expect([...loaded].filter((name) => !['errand', 'p-limit', 'yocto-queue'].includes(String(name)))).toEqual([]);
    expect([...loaded]).toContain('errand');
  });

  it('shows its package.json', async () => {
    const { stdout } = await installed.node(['-p', `require('errand/package.json').version`]);
    expect(stdout.trim()).toBe(installed.manifest.version);
  });

  it('keeps what is not exported to itself', async () => {
    const { code, stderr } = await installed.node(['--input-type=module', '-e', `import 'errand/dist/index.js';`]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('ERR_PACKAGE_PATH_NOT_EXPORTED')]);
  });

  it('is used in TypeScript as the README shows, and catches a wrong use', async () => {
    await installed.write('consumer.ts', CONSUMER);
    expect(await compile(['consumer.ts'])).toEqual({ code: 0, stdout: '', stderr: '' });
  }, 60_000);

  it('has resources that an application fills in, and then holds it to them', async () => {
    await installed.write('resources.ts', RESOURCES);
    expect(await compile(['resources.ts'])).toEqual({ code: 0, stdout: '', stderr: '' });
  }, 60_000);

  it('does what it says when it is used in a project of its own', async () => {
    const { code, stdout, stderr } = await installed.node(['--input-type=module', '-e', PROGRAM]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'completed 42\n', stderr: '' });
  });

  it('has a test manager that takes its tasks, serves its routes and throws its errors', async () => {
    const { code, stdout, stderr } = await installed.node(['--input-type=module', '-e', TEST_PROGRAM]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'completed 200 true\n', stderr: '' });
  });
});

/** Compiles files of the project with our compiler, with the checks of libraries on. */
function compile(files: readonly string[]): ReturnType<InstalledPackage['node']> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const settings = '--noEmit --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --skipLibCheck false';
  const target = '--module nodenext --target es2022 --lib es2023,esnext.disposable --types node --ignoreConfig';
  return installed.node([tsc, ...settings.split(' '), ...target.split(' '), ...files]);
}

/** Prints the address of every module that is loaded. It runs on a thread of its own, where console.log comes too late. */
const HOOKS = `
import { writeSync } from 'node:fs';
export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context);
  writeSync(1, resolved.url + '\\n');
  return resolved;
}
`;

const PROGRAM = `
import { TaskManager, defineTask } from 'errand';
const answer = defineTask({ name: 'answer', handler: async () => 42 });
const manager = new TaskManager({ tasks: [answer] });
const run = await manager.start(answer);
console.log((await run.settled()).status, await run.result());
await manager.close({ graceMs: 0 });
`;

const TEST_PROGRAM = `
import { TaskError, defineTask } from 'errand';
import { createApp, taskRoutes } from 'errand/koa';
import { createTestManager } from 'errand/testing';
const later = defineTask({ name: 'later', handler: (input) => input });
const test = createTestManager({ tasks: [later] });
const run = await test.manager.start(later, 1, { delayMs: 86_400_000 });
await test.settleAll();
const app = createApp({ routers: [taskRoutes({ manager: test.manager })] });
const server = app.listen(0);
const answer = await fetch('http://127.0.0.1:' + server.address().port + '/process/' + run.id);
const { status } = await answer.json();
const refused = await test.manager.start(later, new Map()).catch((error) => error);
console.log(status, answer.status, refused instanceof TaskError);
await new Promise((closed) => server.close(closed).closeAllConnections());
await test.close();
`;

const CONSUMER = `
import { BatchProcessor, TaskManager, defineTask, retry, taskManager } from 'errand';

const report = defineTask({ name: 'report', handler: (_input, ctx) => 'attempt ' + ctx.attempt.toFixed(0) });
const manager = new TaskManager({ tasks: [report], concurrency: 2 });

const run = await manager.start(report, undefined, { priority: 1, tags: ['nightly'] });
export const text: string = await run.result();
// @ts-expect-error -- the result is a string
export const number: number = await run.result();
// @ts-expect-error -- there is no such option
await manager.start(report, undefined, { prio: 1 });

const adHoc = await taskManager.start('ad-hoc', (ctx) => ctx.attempt);
export const attempt: number = await adHoc.result();
await adHoc.cancel('user left');
const untyped = { db: { open: () => 1, close: (one: number) => one }, cache: { open: () => Promise.resolve('') } };
export const other = new TaskManager({ resources: untyped });
// @ts-expect-error -- what there is was never said
await other.start('untyped', ({ resources }) => resources.db);

const processor = new BatchProcessor({ batchSize: 10, maxConcurrent: 2 });
const totals = await processor.process([1, 2, 3], (item) => item * 2, { keep: 'failed' });
export const succeeded: number = totals.succeeded;
export const once: number = await retry(() => 1, { maxAttempts: 2 });
`;

const RESOURCES = `
import { TaskManager, defineTask, type Resources } from 'errand';
import { createTestManager } from 'errand/testing';

class Pool {
  query(text: string): Promise<number> { return Promise.resolve(text.length); }
  end(): Promise<void> { return Promise.resolve(); }
}
declare module 'errand' {
  interface Resources { readonly db: Pool; readonly table: string }
}

export const count = defineTask({ name: 'count', handler: (_input, ctx) => ctx.resources.db.query(ctx.resources.table) });
const db = { open: () => new Pool(), close: (pool: Pool) => pool.end() };
export const manager = new TaskManager({
  tasks: [count],
  resources: {
    db: { open: async (_opened, { signal }) => { signal.throwIfAborted(); return new Pool(); }, close: (pool) => pool.end() },
    table: { open: ({ db }) => db.end().then(() => 'users') },
  },
});
const run = await manager.start('ad-hoc', ({ resources }) => resources.db.query('select'));
export const length: number = await run.result();
// @ts-expect-error -- there is no such resource
await manager.start('ad-hoc', ({ resources }) => resources.mailer);
// @ts-expect-error -- the table is missing
new TaskManager({ resources: { db } });
// @ts-expect-error -- the table is a string
new TaskManager({ resources: { db, table: { open: () => 1 } } });
// @ts-expect-error -- handlers know nothing of a queue
new TaskManager({ resources: { db, table: { open: () => 'users' }, queue: { open: () => 1 } } });
export const test = createTestManager({ resources: { table: 'users' } });
// @ts-expect-error -- the table is a string
createTestManager({ resources: { table: 1 } });
export const all = (resources: Resources): Pool => resources.db;
`;
