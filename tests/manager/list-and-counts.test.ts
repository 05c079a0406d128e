import { describe, expect, it } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { codeOf, hang, newManager } from './workbench.js';

const task = defineTask({
  name: 't',
  handler: (input: string) => {
    if (input === 'bad') throw new Error('no');
    return input === 'hang' ? hang() : input;
  },
});

async function populated() {
  const { manager, clock } = newManager();
  await manager.start(task, 'good', { id: 'good', tags: ['red'], owner: 'me' });
  await manager.start(task, 'bad', { id: 'bad', tags: ['red', 'blue'] });
  await manager.start(task, 'hang', { id: 'hang', owner: 'me' });
  await manager.start(task, 'later', { id: 'later', delayMs: 1_000 });
  await manager.start('ad-hoc', () => 1);
  await clock.run(0);
  return manager;
}

describe('list', () => {
  it.each<[object, string[]]>([
    [{}, ['ad-hoc', 'later', 'hang', 'bad', 'good']],
    [{ status: ['running', 'scheduled'] }, ['later', 'hang']],
    [{ status: [] }, []],
    [{ task: 't' }, ['later', 'hang', 'bad', 'good']],
    [{ task: 'unknown' }, []],
    [{ tag: 'red' }, ['bad', 'good']],
    [{ owner: 'me', status: ['completed'] }, ['good']],
    [{ deadLetters: true }, ['bad']],
    [{ limit: 2 }, ['ad-hoc', 'later']],
  ])('by %j, newest first', async (query, ids) => {
    const manager = await populated();
    expect((await manager.list(query)).items.map(({ id }) => id)).toEqual(ids);
  });

  it('pages without gaps or repeats; only a missing cursor is the end', async () => {
    const { manager } = newManager();
    for (let n = 0; n < 25; n += 1) await manager.start(`run-${n}`, hang, { delayMs: 1_000 });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await manager.list({ limit: 10, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `run-${24 - n}`));
  });

  it('finds what is rare among many, over as many pages as that takes', async () => {
    const { manager } = newManager({ retention: { maxFinished: 20_000 } });
    const plain = defineTask({ name: 'plain', handler: () => 1 });
    await manager.start('rare', () => 1, { tags: ['rare'] });
    for (let n = 0; n < 12_000; n += 1) await manager.start(plain);
    const found: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await manager.list({ tag: 'rare', ...(cursor !== undefined && { cursor }) });
      found.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== undefined);
    expect(found).toEqual(['rare']);
    expect(pages).toBeGreaterThan(1);
  });

  it.each<[object, string]>([
    [{ status: 'running' }, 'TypeError'],
    [{ status: ['active'] }, 'RangeError'],
    [{ limit: 0 }, 'RangeError'],
    [{ limit: 201 }, 'RangeError'],
    [{ cursor: 'no cursor!' }, 'RangeError'],
    [{ cursor: 5 }, 'TypeError'],
    [{ tag: 'a b' }, 'RangeError'],
    [{ statuses: [] }, 'TypeError'],
  ])('refuses %j', async (query, name) => {
    const manager = await populated();
    expect(await codeOf(manager.list(query))).toBe(name);
  });
});

describe('counts', () => {
  it('says how many runs of each task have each status, and how many handlers are at work', async () => {
    const manager = await populated();
    const { total, tasks, atWork, abandoned, dropped } = await manager.counts();
    expect(total).toMatchObject({ completed: 2, failed: 1, running: 1, scheduled: 1, queued: 0 });
    expect(tasks['t']).toMatchObject({ completed: 1, failed: 1, running: 1, scheduled: 1 });
    expect(tasks['']).toMatchObject({ completed: 1, running: 0 });
    expect([atWork, abandoned, dropped]).toEqual([1, 0, 0]);
  });

  it('has a task called __proto__ as a member like any other', async () => {
    const { manager } = newManager();
    await (await manager.start(defineTask({ name: '__proto__', handler: () => 1 }))).settled();
    const { tasks } = await manager.counts();
    expect(Object.keys(tasks)).toEqual(['__proto__']);
    expect(Object.getOwnPropertyDescriptor(tasks, '__proto__')?.value).toMatchObject({ completed: 1 });
  });
});
