import { describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';
import type { StandardSchema } from '../../src/task/standard-schema.js';
import { defineTask } from '../../src/task/task.js';
import { settle } from '../fake-clock.js';
import { codeOf, Gate, newManager } from './workbench.js';

/** A schema that answers with whatever `validate` gives. */
function schema(validate: (value: unknown) => unknown): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as never } };
}

describe('input', () => {
  it('reaches the handler as the schema made it, anew for each attempt', async () => {
    const { manager, clock } = newManager();
    const seen: unknown[] = [];
    const task = defineTask({
      name: 't',
      input: z.object({ n: z.coerce.number(), of: z.string().default('x') }),
      retry: { maxAttempts: 2, initialDelayMs: 0 },
      handler: (input) => {
        seen.push({ ...input });
        input.n = 99;
        if (seen.length < 2) throw new Error('once more');
      },
    });
    const run = await manager.start(task, { n: '4' });
    await clock.run(10);
    await run.settled();
    expect(seen).toEqual([
      { n: 4, of: 'x' },
      { n: 4, of: 'x' },
    ]);
  });

  it('is refused with where it is wrong', async () => {
    const { manager } = newManager();
    const handler = jest.fn();
    const task = defineTask({ name: 't', input: z.object({ a: z.array(z.number()) }), handler });
    await expect(manager.start(task, { a: [1, 'x'] as number[] })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      details: { issues: [{ pointer: '/a/1' }] },
    });
    expect(handler).not.toHaveBeenCalled();
  });

  it('is judged by asynchronous schemas too, before acceptance', async () => {
    const { manager } = newManager();
    const gate = new Gate<{ value: string }>();
    const task = defineTask({ name: 't', input: schema(() => gate.promise), handler: (input) => input });
    const started = manager.start(task, 'given');
    await settle();
    expect((await manager.list()).items).toEqual([]);
    gate.open({ value: 'parsed' });
    expect(await (await started).result()).toBe('parsed');
    const refusing = schema(async () => ({ issues: [{ message: 'no' }] }));
    const other = defineTask({ name: 'u', input: refusing, handler: () => 1 });
    expect(await codeOf(manager.start(other, 1))).toBe('INPUT_INVALID');
  });

  it.each<[string, (value: unknown) => unknown]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['answers with nothing', () => undefined],
    ['answers with nothing, later', async () => null],
    ['answers with issues that are none', () => ({ issues: 5 })],
    [
      'answers with a value that throws',
      () => ({
        get value() {
          throw new Error('broken');
        },
      }),
    ],
  ])(
    'that a schema cannot judge because it %s is no fault of the input, at the start and at the attempt',
    async (_what, broken) => {
      const { manager } = newManager();
      const handler = jest.fn();
      await expect(manager.start(defineTask({ name: 't', input: schema(broken), handler }), 1)).rejects.toMatchObject({
        name: 'Error',
        message: "The input could not be checked: the task's schema threw",
        cause: expect.any(Error),
      });
      let calls = 0;
      const later = schema((value) => ((calls += 1) === 1 ? { value } : broken(value)));
      const run = await manager.start(defineTask({ name: 'u', input: later, handler }), 1);
      expect(await run.settled()).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'HANDLER_FAILED' } });
      expect(handler).not.toHaveBeenCalled();
      expect(await (await manager.start('after', () => 'still delivers')).result()).toBe('still delivers');
    },
  );

  it('that a schema fails to judge at an attempt is judged again at the next one, as the policy says', async () => {
    const { manager, clock } = newManager();
    const answers = ['at the start', new Error('broken'), 'at the second attempt'];
    const input = schema(() => {
      const value = answers.shift();
      if (value instanceof Error) throw value;
      return { value };
    });
    const retry = { maxAttempts: 2, initialDelayMs: 100, jitter: 'none' } as const;
    const run = await manager.start(defineTask({ name: 't', input, retry, handler: (value) => value }), 1);
    await settle();
    expect(await run.snapshot()).toMatchObject({ status: 'retrying', attempt: 1, error: { code: 'HANDLER_FAILED' } });
    await clock.run(100);
    expect(await run.settled()).toMatchObject({ status: 'completed', attempt: 2, result: 'at the second attempt' });
  });
});
