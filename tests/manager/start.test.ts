import { describe, expect, it, jest } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { settle } from '../fake-clock.js';
import { codeOf, hang, newManager } from './workbench.js';

describe('start', () => {
  it('calls the handler after its own turn, with a context of its own', async () => {
    const { manager } = newManager();
    const handler = jest.fn((ctx: { runId: string; attempt: number; itemIndex: number | null }) => ctx.attempt);
    const started = manager.start('a', handler);
    expect(handler).not.toHaveBeenCalled();
    expect(await (await started).result()).toBe(1);
    expect(handler.mock.calls[0]?.[0]).toMatchObject({ runId: 'a', attempt: 1, itemIndex: null });
  });

  it('gives a handle that is not thenable', async () => {
    const { manager } = newManager();
    expect('then' in (await manager.start('a', () => 1))).toBe(false);
  });

  it('begins what a handler starts', async () => {
    const { manager } = newManager();
    const outer = await manager.start('outer', async () => (await manager.start('inner', () => 'deep')).result());
    expect(await outer.result()).toBe('deep');
  });

  it('begins all of 10,000 runs, and lets the event loop turn meanwhile', async () => {
    const { manager } = newManager();
    const task = defineTask({ name: 't', handler: (n: number) => n });
    const runs = await Promise.all(Array.from({ length: 10_000 }, (_, n) => manager.start(task, n)));
    const results = await Promise.all(runs.map((run) => run.result()));
    expect(results).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
  });

  describe('refuses', () => {
    const task = defineTask({ name: 't', handler: () => 1 });

    it.each<[string, unknown[]]>([
      ['nothing', []],
      ['what is no task', [{ name: 't' }, 1]],
      ['an id without a function', ['a']],
      ['a promise in place of a function', ['a', Promise.resolve(1)]],
      ['an unknown option', [task, 1, { delay: 1 }]],
      ['an unknown option of a function', ['a', () => 1, { id: 'b' }]],
      ['options that are no object', [task, 1, 'soon']],
      ['a priority out of range', [task, 1, { priority: 1_001 }]],
      ['a negative delay', [task, 1, { delayMs: -1 }]],
      ['a delay of more than ten years', [task, 1, { delayMs: 1e13 }]],
      ['an expiry before the run is due', [task, 1, { delayMs: 10, expiresInMs: 10 }]],
      ['a word that ifActive does not know', [task, 1, { ifActive: 'wait' }]],
      ['seventeen tags', [task, 1, { tags: Array(17).fill('a') }]],
      ['a key with a space', [task, 1, { idempotencyKey: 'a b' }]],
    ])('%s, by a rejection and never by throwing', async (_what, args) => {
      const { manager } = newManager();
      const start = (...given: unknown[]) =>
        (manager.start as (...all: unknown[]) => Promise<unknown>).apply(manager, given);
      const started = start(...args);
      expect(['TypeError', 'RangeError']).toContain(await codeOf(started));
      expect((await manager.list()).items).toEqual([]);
    });

    it('another task of the same name', async () => {
      const { manager } = newManager({ tasks: [task] });
      expect(await codeOf(manager.start(defineTask({ name: 't', handler: () => 2 })))).toBe('RangeError');
    });

    it('more runs than may wait, but not those that are at work', async () => {
      const { manager } = newManager({ queueLimit: 2, concurrency: 1 });
      await manager.start('a', hang);
      await settle();
      await manager.start('b', hang);
      await manager.start('c', hang);
      expect(await codeOf(manager.start('d', hang))).toBe('QUEUE_FULL');
      await manager.cancel('b');
      expect(await codeOf(manager.start('d', hang))).toMatchObject({ resolved: {} });
    });
  });

  describe('by name', () => {
    it('starts a task that the manager knows', async () => {
      const { manager } = newManager({ tasks: [defineTask({ name: 't', handler: (n: number) => n + 1 })] });
      expect(await (await manager.startNamed('t', 1)).result()).toBe(2);
      expect([manager.hasTask('t'), manager.hasTask('u')]).toEqual([true, false]);
    });

    it('refuses a name that nobody registered', async () => {
      const { manager } = newManager();
      expect(await codeOf(manager.startNamed('t', 1))).toBe('TASK_UNKNOWN');
      expect(await codeOf(manager.startNamed('__proto__', 1))).toBe('TASK_UNKNOWN');
    });
  });
});
