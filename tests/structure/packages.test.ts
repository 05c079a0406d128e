import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { coreViolations, packageViolations, publishedPackages } from './packages.js';
import { root, typescriptFiles } from './sources.js';

const src = typescriptFiles('src');

describe('packages', () => {
  it('are imported in one folder each', () => {
    expect(packageViolations(src)).toEqual([]);
  });

  it.each([
    ['koa outside koa/', 'src/manager/a.ts', `import Koa from 'koa';`],
    ['a type of koa outside koa/', 'src/cli/a.ts', `import type { Middleware } from 'koa';`],
    ['a part of a package', 'src/koa/a.ts', `import { parse } from 'csv-parse/sync';`],
    ['a scoped package', 'src/imports/a.ts', `import Router from '@koa/router';`],
    ['zod in the core', 'src/task/a.ts', `import { z } from 'zod';`],
    ['a package that nobody planned', 'src/koa/a.ts', `import _ from 'lodash';`],
    ['a module of Node without its prefix', 'src/koa/a.ts', `import { readFileSync } from 'fs';`],
    ['ourselves by name', 'src/koa/a.ts', `import { TaskManager } from 'errand';`],
  ])('are caught elsewhere: %s', (_what, path, text) => {
    expect(packageViolations([{ path, text }])).toHaveLength(1);
  });

  it('are allowed at home', () => {
    const text = `import Koa from 'koa';\nimport { Readable } from 'node:stream';`;
    expect(packageViolations([{ path: 'src/koa/a.ts', text }])).toEqual([]);
  });

  it('that are published as dependencies are those that are imported', () => {
    type Versions = Readonly<Record<string, string>>;
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly dependencies: Versions;
      readonly peerDependencies: Versions;
    };
    const names = Object.keys({ ...dependencies, ...peerDependencies }).filter((name) => !name.startsWith('@types/'));
    expect(names.sort()).toEqual(publishedPackages(src));
  });

  it('of examples are not dependencies', () => {
    expect(publishedPackages([{ path: 'src/examples/a.ts', text: `import 'zod';` }])).toEqual([]);
  });
});

describe('the core', () => {
  it('imports no package but p-limit', () => {
    expect(src.map(({ path }) => path)).toContain('src/index.ts');
    expect(coreViolations(src)).toEqual([]);
  });

  it.each([`import { z } from 'zod';`, `import type { Context } from 'koa';`, `await import('pino');`])(
    'is caught with another one, however far away: %s',
    (text) => {
      const entry = { path: 'src/index.ts', text: `export * from './manager/a.js';` };
      const between = { path: 'src/manager/a.ts', text: `import type { B } from '../task/b.js';` };
      expect(coreViolations([entry, between, { path: 'src/task/b.ts', text }])).toHaveLength(1);
    },
  );

  it('loads schedules only when they are used', () => {
    const entry = { path: 'src/index.ts', text: `export * from './manager/a.js';` };
    const room = { path: 'src/schedule/b.ts', text: `import { Cron } from 'croner';` };
    const using = (text: string) => coreViolations([entry, { path: 'src/manager/a.ts', text }, room]);
    expect(using(`await import('../schedule/b.js');`)).toEqual([]);
    expect(using(`import { b } from '../schedule/b.js';`)).toHaveLength(1);
  });

  it('does not answer for what it does not import', () => {
    const entry = { path: 'src/index.ts', text: `import pLimit from 'p-limit';` };
    expect(coreViolations([entry, { path: 'src/koa/a.ts', text: `import Koa from 'koa';` }])).toEqual([]);
  });
});
