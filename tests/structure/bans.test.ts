import { describe, expect, it } from '@jest/globals';

import {
  clockViolations,
  languageViolations,
  lengthViolations,
  MAX_LINES,
  needlessExceptions,
  switchViolations,
} from './bans.js';
import { typescriptFiles, type Source } from './sources.js';

const src = typescriptFiles('src');

/** A made-up file. */
function file(text: string, path = 'src/manager/a.ts'): Source[] {
  return [{ path, text }];
}

describe('the clock', () => {
  it('is the only source of times and timers', () => {
    expect(clockViolations(src)).toEqual([]);
  });

  it.each([
    `AbortSignal.any([a, b]);`,
    `AbortSignal.timeout(1);`,
    `globalThis.AbortSignal.timeout(1);`,
    `AbortSignal['any']([]);`,
    `import { setTimeout as wait } from 'node:timers/promises';`,
    `const { setTimeout: wait } = await import('timers/promises');`,
    `setTimeout(f, 1);`,
    `globalThis.setTimeout(f, 1);`,
    `const timers = { setTimeout };`,
    `const wait = promisify(setTimeout);`,
    `setInterval(f, 1);`,
    `setImmediate(f);`,
    `const at = Date.now();`,
    `const read = performance.now;`,
    `process.hrtime.bigint();`,
    `const at = new Date();`,
    `const at = Date();`,
  ])('catches %s', (text) => {
    expect(clockViolations(file(text))).toHaveLength(1);
  });

  it.each([
    `const at = new Date(run.createdAt);`,
    `Date.parse(text);`,
    `request.setTimeout(0);`,
    `interface A { setTimeout(ms: number): void }`,
    `let timer: ReturnType<typeof setTimeout>;`,
    `// The loop must turn once before the next read.\nsetImmediate(f);`,
    `// AbortSignal.any would leak here`,
    `clock.now();`,
  ])('allows %s', (text) => {
    expect(clockViolations(file(text))).toEqual([]);
  });

  it('has no exception that nobody needs', () => {
    expect(needlessExceptions(src)).toEqual([]);
    expect(needlessExceptions([])).toContain('src/timing/system-clock.ts for setTimeout');
  });

  it('is made in one file', () => {
    const text = `export const now = () => Date.now();`;
    expect(clockViolations(file(text, 'src/timing/system-clock.ts'))).toEqual([]);
    expect(clockViolations(file(text, 'src/timing/other-clock.ts'))).toHaveLength(1);
  });
});

describe('the language', () => {
  it('is used without any, force, enums, default exports and soft privates', () => {
    expect(languageViolations(src)).toEqual([]);
  });

  it.each([
    `let a: any;`,
    `const a = b as any;`,
    `type A = Record<string, any>;`,
    `const a = b!;`,
    `b!.c();`,
    `let a!: number;`,
    `class A { b!: number }`,
    `enum A { B }`,
    `export default 1;`,
    `export default class A {}`,
    `class A { private b = 1; }`,
  ])('is caught at %s', (text) => {
    expect(languageViolations(file(text))).toHaveLength(1);
  });

  it.each([
    `const a = !b; const c = b !== a;`,
    `const any = 'any';`,
    `switch (a) { default: b(); }`,
    `import Koa from 'koa';`,
    `class A { private constructor() {} #b = 1; }`,
  ])('is let alone at %s', (text) => {
    expect(languageViolations(file(text))).toEqual([]);
  });
});

describe('checks that are switched off', () => {
  it('have a reason beside them', () => {
    expect(switchViolations([...src, ...typescriptFiles('tests'), ...typescriptFiles('bench')])).toEqual([]);
  });

  it.each([
    `const a = 1;\n// eslint-disable-next-line no-empty\nb();`,
    `a(); // eslint-disable-line`,
    `/* eslint-disable */`,
    `// @ts-ignore -- it is late`,
    `// Said why.\n// @ts-ignore`,
    `// @ts-expect-error\na();`,
  ])('are caught: %j', (text) => {
    expect(switchViolations(file(text))).toHaveLength(1);
  });

  it.each([
    `// The reason is the caller's own value.\n// eslint-disable-next-line no-empty`,
    `// eslint-disable-next-line no-empty -- nothing to do`,
    `// @ts-expect-error -- the wrong type is the point`,
  ])('are allowed: %j', (text) => {
    expect(switchViolations(file(text))).toEqual([]);
  });
});

describe('files', () => {
  it(`have at most ${MAX_LINES} lines`, () => {
    expect(lengthViolations(src)).toEqual([]);
  });

  it('that are longer are caught', () => {
    expect(lengthViolations(file('a();\n'.repeat(MAX_LINES)))).toEqual([]);
    expect(lengthViolations(file('a();\n'.repeat(MAX_LINES + 1)))).toHaveLength(1);
  });
});
