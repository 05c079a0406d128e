import { describe, expect, it } from '@jest/globals';

import { barrelViolations, circles, FLOORS, floorViolations, groundViolations, nameViolations } from './floor-plan.js';
import { typescriptFiles, type Source } from './sources.js';

const src = typescriptFiles('src');

/** A made-up file. */
function file(path: string, text = ''): Source {
  return { path, text };
}

describe('the floor plan', () => {
  it('is looked at over all of src', () => {
    expect(src.map(({ path }) => path)).toContain('src/task/task.ts');
  });

  describe('imports', () => {
    it('go down a floor or stay in the room', () => {
      expect(floorViolations(src)).toEqual([]);
    });

    it.each([
      ['up', 'src/task/a.ts', `import { b } from '../manager/b.js';`],
      ['up, for a type', 'src/task/a.ts', `import type { B } from '../manager/b.js';`],
      ['up, inside a type', 'src/task/a.ts', `type B = import('../manager/b.js').B;`],
      ['up, as a re-export', 'src/task/a.ts', `export * from '../manager/b.js';`],
      ['up, at run time', 'src/task/a.ts', `await import('../manager/b.js');`],
      ['up, with require', 'src/task/a.ts', `const b = require('../manager/b.js');`],
      ['from a backend to the manager', 'src/backends/memory/a.ts', `import '../../manager/b.js';`],
      ['from an executor to the manager', 'src/executors/a.ts', `import type { B } from '../manager/b.js';`],
      ['to a neighbour', 'src/batch/a.ts', `import '../backends/memory/b.js';`],
      ['from the contracts to the clock', 'src/ports/a.ts', `import '../timing/b.js';`],
      ['from the routes to the test kit', 'src/koa/a.ts', `import '../testing/b.js';`],
      ['from the routes to the command line', 'src/koa/a.ts', `import '../cli/b.js';`],
      ['from the command line to the examples, for good', 'src/cli/a.ts', `import '../examples/b.js';`],
      ['from the command line to the examples, for a type', 'src/cli/a.ts', `type B = import('../examples/b.js').B;`],
      ['from an example to the command line', 'src/examples/a.ts', `await import('../cli/b.js');`],
      ['out of src', 'src/cli/a.ts', `import '../../tests/b.js';`],
      ['to what is computed', 'src/koa/a.ts', `await import(name);`],
    ])('%s are caught', (_what, path, text) => {
      expect(floorViolations([file(path, text)])).toHaveLength(1);
    });

    it.each([
      ['down', 'src/manager/a.ts', `import { b } from '../task/b.js';`],
      ['within a room', 'src/backends/memory/a.ts', `import { b } from '../claim.js';`],
      ['of contracts by the clock', 'src/timing/a.ts', `import type { B } from '../ports/b.js';`],
      ['of contracts by the HTTP contract', 'src/http-api/a.ts', `import type { B } from '../ports/b.js';`],
      ['of examples when they are asked for', 'src/cli/a.ts', `await import('../examples/b.js');`],
      ["of a user's module by the command line", 'src/cli/a.ts', `await import(url);`],
    ])('%s are allowed', (_what, path, text) => {
      expect(floorViolations([file(path, text)])).toEqual([]);
    });
  });

  describe('rooms', () => {
    it.each(['src/core/a.ts', 'src/a.ts'])('that are not on the plan are caught: %s', (path) => {
      expect(floorViolations([file(path)])).toEqual([`${path} is in no room of the floor plan`]);
    });

    it('are on seven floors', () => {
      expect(new Set(Object.values(FLOORS))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7]));
    });
  });

  describe('circles', () => {
    it('do not exist', () => {
      expect(circles(src)).toEqual([]);
    });

    it('of two files are caught, also where one import is of a type', () => {
      const a = file('src/task/a.ts', `import { b } from './b.js';`);
      const b = file('src/task/b.ts', `import type { A } from './a.js';`);
      const outside = file('src/task/c.ts', `import './a.js';`);
      expect(circles([a, b, outside])).toEqual(['in a circle: src/task/a.ts, src/task/b.ts']);
    });

    it('of three files are caught, also where one import is made at run time', () => {
      const a = file('src/task/a.ts', `export * from './b.js';`);
      const b = file('src/task/b.ts', `await import('./c.js');`);
      const c = file('src/task/c.ts', `type A = import('./a.js').A;`);
      expect(circles([a, b, c])).toEqual(['in a circle: src/task/a.ts, src/task/b.ts, src/task/c.ts']);
    });

    it('are not seen where two ways lead to one file', () => {
      const top = file('src/task/top.ts', `import './a.js'; import './b.js';`);
      const a = file('src/task/a.ts', `import './b.js';`);
      expect(circles([top, a, file('src/task/b.ts')])).toEqual([]);
    });
  });

  describe('the ground floors', () => {
    it('import nothing that runs, and ports/ holds contracts only', () => {
      expect(groundViolations(src)).toEqual([]);
    });

    it.each([
      ['a package in task/', 'src/task/a.ts', `import { z } from 'zod';`],
      ['a module of Node in task/', 'src/task/a.ts', `import { randomUUID } from 'node:crypto';`],
      ['a module of Node in ports/', 'src/ports/a.ts', `import type { EventEmitter } from 'node:events';`],
      ['a function in ports/', 'src/ports/a.ts', `export function a(): number { return 1; }`],
      ['an arrow function in ports/', 'src/ports/a.ts', `export const a = () => 1;`],
      ['a method in ports/', 'src/ports/a.ts', `export const a = { b() { return 1; } };`],
      ['a class that does something in ports/', 'src/ports/a.ts', `export class A { b(): number { return 1; } }`],
      ['an error that does something in ports/', 'src/ports/a.ts', `export class AError extends Error { b() {} }`],
    ])('catch %s', (_what, path, text) => {
      expect(groundViolations([file(path, text)])).toHaveLength(1);
    });

    it('allow contracts, constants and plain errors in ports/, and functions in task/', () => {
      const contract = `export interface A { b(): void; readonly c: () => void }\nexport const D = 1;`;
      const error = `export class AError extends TaskError { constructor() { super('BACKEND', 'gone'); } }`;
      const sources = [file('src/ports/a.ts', contract + error), file('src/task/a.ts', `export function a() {}`)];
      expect(groundViolations(sources)).toEqual([]);
    });
  });

  describe('barrels', () => {
    it('are not imported from inside', () => {
      expect(barrelViolations(src)).toEqual([]);
    });

    it.each([`import '../index.js';`, `import type { A } from './index.js';`, `export * from '..';`, `import '.';`])(
      'are caught: %s',
      (text) => {
        expect(barrelViolations([file('src/koa/a.ts', text)])).toHaveLength(1);
      },
    );
  });

  describe('file names', () => {
    it('say what is inside, in kebab-case', () => {
      expect(nameViolations([...src, ...typescriptFiles('tests'), ...typescriptFiles('bench')])).toEqual([]);
    });

    it.each(['src/task/types.ts', 'src/utils/a.ts', 'src/koa/helpers.ts', 'tests/common/a.test.ts', 'src/task/Run.ts'])(
      'are caught: %s',
      (path) => {
        expect(nameViolations([file(path)])).toHaveLength(1);
      },
    );
  });
});
