import { describe, expect, it, jest } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { settle } from '../fake-clock.js';
import { hang, newManager } from './workbench.js';

describe('hooks', () => {
  it('are called after the end: those of the task, then those of the manager, onFailed first', async () => {
    const called: string[] = [];
    const note = (name: string) => (run: { status: string }) => void called.push(`${name} ${run.status}`);
    const { manager } = newManager({ onSettled: note('manager settled'), onFailed: note('manager failed') });
    const task = defineTask({
      name: 't',
      onSettled: note('task settled'),
      onFailed: note('task failed'),
      handler: (input: string) => {
        if (input === 'bad') throw new Error('no');
      },
    });
    await (await manager.start(task, 'good')).settled();
    await settle();
    expect(called.splice(0)).toEqual(['task settled completed', 'manager settled completed']);
    await (await manager.start(task, 'bad')).settled();
    await settle();
    expect(called).toEqual([
      'task failed failed',
      'task settled failed',
      'manager failed failed',
      'manager settled failed',
    ]);
  });

  it('get the final snapshot, and what the last attempt threw', async () => {
    const thrown = new Error('no');
    const onFailed = jest.fn();
    const { manager } = newManager({ onFailed });
    const ended = await (await manager.start('a', () => Promise.reject(thrown))).settled();
    await settle();
    expect(onFailed.mock.calls).toEqual([[ended, thrown]]);
  });

  it('are called once for each run, whatever ended it', async () => {
    const ends: string[] = [];
    const { manager, clock } = newManager({ graceMs: 10, onSettled: (run) => ends.push(`${run.id} ${run.status}`) });
    await manager.start('scheduled', hang, { delayMs: 1_000 });
    await manager.start('expired', hang, { delayMs: 10, expiresInMs: 11 });
    await manager.start('stuck', hang);
    await manager.queues.pause('default');
    await manager.cancel('scheduled');
    await manager.cancel('stuck');
    await manager.cancel('stuck');
    await clock.run(100);
    expect(ends.sort()).toEqual(['expired failed', 'scheduled cancelled', 'stuck cancelled']);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('broken hook');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken hook'))],
    ['never settles', hang],
    [
      'returns a thenable that throws',
      () => ({
        then: () => {
          throw new Error('broken hook');
        },
      }),
    ],
  ])('change nothing where one %s', async (_what, hook) => {
    const error = jest.fn();
    const logger = { debug: jest.fn(), info: jest.fn(), warn: jest.fn(), error };
    const onSettled = jest.fn();
    const { manager } = newManager({ onSettled, logger, concurrency: 1 });
    const task = defineTask({
      name: 't',
      onSettled: hook,
      onFailed: hook,
      handler: () => Promise.reject(new Error('no')),
    });
    const run = await manager.start(task);
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { message: 'no' } });
    expect(await (await manager.start('next', () => 'goes on')).result()).toBe('goes on');
    await settle();
    expect(onSettled).toHaveBeenCalledTimes(2);
    if (hook !== hang) expect(error.mock.calls.map(([, message]) => message)).toContain('The hook onFailed failed');
  });

  it('may start runs of their own', async () => {
    const seen: string[] = [];
    const { manager, clock } = newManager({
      onSettled: async (run) => {
        seen.push(run.id);
        if (run.id === 'first') await manager.start('second', () => 1);
      },
    });
    await manager.start('first', () => 1);
    await clock.run(0);
    expect(seen).toEqual(['first', 'second']);
  });

  it.each(['yes', 5, {}])('may not be %p', (hook) => {
    expect(() => newManager({ onSettled: hook as never })).toThrow(TypeError);
    expect(() => defineTask({ name: 't', handler: () => 1, onFailed: hook as never })).toThrow(TypeError);
  });
});
