import { describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';

import { defineTask } from '../../src/task/task.js';
import { chain, chord } from '../../src/workflow/chain.js';
import { group } from '../../src/workflow/group.js';
import { defineWorkflow } from '../../src/workflow/workflow-task.js';
import { aborted, Gate, newManager } from '../manager/workbench.js';

const double = defineTask({ name: 'double', input: z.number(), handler: (n) => n * 2 });
const spell = defineTask({ name: 'spell', input: z.number(), handler: (n) => `number ${n}` });
const total = defineTask({
  name: 'total',
  input: z.array(z.number()),
  handler: (all) => all.reduce((sum, n) => sum + n, 0),
});
const shout = defineTask({ name: 'shout', input: z.string(), handler: (text) => `${text}!` });

describe('a chain', () => {
  it('gives each task the result of the one before, and has the result of the last', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start(chain(double, spell, shout), 21);
    await clock.run(0);
    expect(await run.result()).toBe('number 42!');
    expect(await run.snapshot()).toMatchObject({
      task: 'chain3:double:spell:shout',
      progress: { done: 3, total: 3 },
    });
  });

  it('runs its parts as child runs, one after the other, at a concurrency of 1', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const run = await manager.start(chain(double, spell), 1);
    await clock.run(0);
    await run.result();
    const { items } = await manager.list();
    const parts = items.filter(({ parentId }) => parentId === run.id).map(({ task }) => task);
    expect(parts.toReversed()).toEqual(['double', 'spell']);
  });

  it('fails with the part that fails, and none of those behind it begins', async () => {
    const { manager, clock } = newManager();
    const behind = jest.fn();
    const fails = defineTask({ name: 'fails', handler: () => Promise.reject(new Error('no paper')) });
    const run = await manager.start(chain(double, fails, defineTask({ name: 'behind', handler: behind })), 1);
    await clock.run(0);
    expect(await run.settled()).toMatchObject({
      status: 'failed',
      error: { code: 'CHILD_FAILED' },
      progress: { done: 1 },
    });
    expect(behind).not.toHaveBeenCalled();
  });

  it('tries the part that failed again when it is tried again, and no part that has completed', async () => {
    const { manager, clock } = newManager();
    const first = jest.fn((n: number) => n + 1);
    const second = jest.fn((n: number) => n * 10);
    second.mockImplementationOnce(() => {
      throw new Error('not yet');
    });
    const steps = chain(
      defineTask({ name: 'first', input: z.number(), handler: first }),
      defineTask({ name: 'second', input: z.number(), handler: second }),
    );
    const tried = defineWorkflow({ name: 'tried', retry: { maxAttempts: 2, initialDelayMs: 100 } }, steps);
    const run = await manager.start(tried, 1);
    await clock.run(1_000);
    expect(await run.result()).toBe(20);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 2]);
  });

  it('is cancelled with the part that is at work', async () => {
    const { manager, clock } = newManager();
    const reasons: unknown[] = [];
    const waits = defineTask({
      name: 'waits',
      handler: (_input, { signal }) => aborted(signal).catch((reason: unknown) => void reasons.push(reason)),
    });
    const run = await manager.start(chain(double, waits), 1);
    await clock.run(0);
    await run.cancel('enough');
    await clock.run(0);
    expect(await run.settled()).toMatchObject({ status: 'cancelled', cancelReason: 'enough' });
    expect(reasons).toEqual([expect.objectContaining({ code: 'RUN_CANCELLED', by: 'parent' })]);
  });

  it('refuses an input that its first task refuses, before anything begins', async () => {
    const { manager } = newManager();
    const started = manager.startNamed('chain2:double:spell', 'seven');
    manager.register(chain(double, spell));
    await expect(started).rejects.toMatchObject({ code: 'TASK_UNKNOWN' });
    await expect(manager.startNamed('chain2:double:spell', 'seven')).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('gives its first task the input as it came, not as the schema has made it', async () => {
    const { manager, clock } = newManager();
    const counted = defineTask({
      name: 'counted',
      input: z.string().transform((text) => text.length),
      handler: (n) => n,
    });
    const run = await manager.start(chain(counted, spell), 'four');
    await clock.run(0);
    expect(await run.result()).toBe('number 4');
  });

  it('is the same task each time it is written, and makes its parts known', async () => {
    const { manager } = newManager({ tasks: [chain(double, spell), chain(double, spell)] });
    expect(chain(double, spell)).toBe(chain(double, spell));
    expect([manager.hasTask('double'), manager.hasTask('spell'), manager.hasTask('shout')]).toEqual([
      true,
      true,
      false,
    ]);
    await manager.close();
  });

  it('has a name of at most 128 characters, however many parts it has', () => {
    const long = Array.from({ length: 5 }, (_, at) =>
      defineTask({ name: `${'long'.repeat(20)}${at}`, handler: () => at }),
    );
    const [a, b, c, d, e] = long as [typeof double, typeof double, typeof double, typeof double, typeof double];
    const names = [chain(a, b, c), chain(a, b, d), chain(a, b, c, d, e)].map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_.:@-]{1,128}$/);
  });

  it('takes tasks only', () => {
    expect(() => chain(...([] as unknown as [typeof double]))).toThrow('a chain must have at least one task');
    expect(() => chain({ name: 'x' })).toThrow('defineTask');
  });

  it('can be a part of another workflow, nested as one likes', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const inner = group([chain(double, spell), chord(group([double, double]), total)]);
    const run = await manager.start(chain(double, inner), 1);
    await clock.run(0);
    expect(await run.result()).toEqual(['number 4', 8]);
  });
});

describe('a chord', () => {
  it('gives its callback the results of the group, in the order of its tasks', async () => {
    const { manager, clock } = newManager({ concurrency: 1 });
    const gate = new Gate<string>();
    const slow = defineTask({ name: 'slow', input: z.number(), handler: () => gate.promise });
    const join = defineTask({
      name: 'join',
      input: z.tuple([z.string(), z.string()]),
      handler: (parts) => parts.join(' '),
    });
    const run = await manager.start(chord(group([slow, spell]), join), 3);
    await clock.run(0);
    gate.open('slowly');
    await clock.run(0);
    expect(await run.result()).toBe('slowly number 3');
  });

  it('does not call its callback when a part of the group has failed', async () => {
    const { manager, clock } = newManager();
    const callback = jest.fn();
    const fails = defineTask({ name: 'fails', handler: () => Promise.reject(new Error('no')) });
    const run = await manager.start(
      chord(group([spell, fails]), defineTask({ name: 'callback', handler: callback })),
      3,
    );
    await clock.run(0);
    await expect(run.result()).rejects.toMatchObject({ code: 'CHILD_FAILED' });
    expect(callback).not.toHaveBeenCalled();
  });
});
