import { describe, expect, it } from '@jest/globals';

import { machinePaths, narrowedTests, openEnds } from './leftovers.js';
import { repositoryFiles, typescriptFiles } from './sources.js';

const all = repositoryFiles();

describe('the repository', () => {
  it('leaves nothing open in the sources, the README and the docs', () => {
    expect(openEnds(all.filter(({ path }) => /^(src|docs)\/|^[^/]+\.md$/.test(path)))).toEqual([]);
  });

  it.each([`// TODO: later`, `/* FIXME */`, `XXX`])('is caught with an open end: %s', (text) => {
    expect(openEnds([{ path: 'src/a.ts', text: `a();\n${text}` }])).toEqual(['src/a.ts:2 leaves something open']);
  });

  it('names no path of the machine that it was written on', () => {
    expect(machinePaths(all)).toEqual([]);
  });

  it.each(['cd /work', 'see "/tmp/brief', '`/root', 'file:///work'])('is caught with such a path: %s', (text) => {
    expect(machinePaths([{ path: 'a.md', text: `${text}/x` }])).toHaveLength(1);
  });

  it('may speak of other paths', () => {
    const text = 'https://example.test/work/x src/work/x ./work/ /tmp/errand/x';
    expect(machinePaths([{ path: 'a.md', text }])).toEqual([]);
  });

  it('has a lock file that names no registry', () => {
    const lock = all.find(({ path }) => path === 'package-lock.json');
    expect(lock?.text).toContain('"integrity"');
    expect(lock?.text.match(/"resolved": .*/g) ?? []).toEqual([]);
  });
});

describe('the tests', () => {
  it('are neither narrowed to some of them nor fed with mocked modules', () => {
    expect(narrowedTests(typescriptFiles('tests'))).toEqual([]);
  });

  it.each([`it.only('x', f);`, `fdescribe('x', f);`, `jest.mock('koa');`])('are caught: %s', (text) => {
    expect(narrowedTests([{ path: 'tests/a.test.ts', text: `  ${text}` }])).toHaveLength(1);
  });
});
