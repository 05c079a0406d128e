import { describe, expect, it, jest } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { codeOf, Gate, newManager } from './workbench.js';

describe('a paused queue', () => {
  it('begins nothing; those at work go on, and so do other queues', async () => {
    const { manager, clock } = newManager();
    const gate = new Gate();
    const handler = jest.fn();
    const atWork = await manager.start('at-work', () => gate.promise, { queue: 'mail' });
    await clock.run(0);
    await manager.queues.pause('mail');
    await manager.start('waits', handler, { queue: 'mail' });
    const other = await manager.start('other', () => 'other');
    gate.open('done');
    await clock.run(0);
    expect([await atWork.result(), await other.result()]).toEqual(['done', 'other']);
    expect(handler).not.toHaveBeenCalled();
    expect(await manager.queues.list()).toEqual(
      expect.arrayContaining([
        { name: 'mail', paused: true, queued: 1 },
        { name: 'default', paused: false, queued: 0 },
      ]),
    );
    await manager.queues.resume('mail');
    await clock.run(0);
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it('may be paused before it is used, and keeps retries back as well', async () => {
    const { manager, clock } = newManager();
    await manager.queues.pause('mail');
    await manager.queues.pause('mail');
    const handler = jest.fn(() => Promise.reject(new Error('no')));
    const retry = { maxAttempts: 2, initialDelayMs: 10 };
    const run = await manager.start(defineTask({ name: 't', queue: 'mail', retry, handler }));
    await clock.run(10);
    expect(handler).not.toHaveBeenCalled();
    await manager.queues.resume('mail');
    await clock.run(0);
    await manager.queues.pause('mail');
    await clock.run(100);
    expect([handler.mock.calls.length, (await run.snapshot())?.status]).toEqual([1, 'queued']);
  });

  it('lets its runs be cancelled and expire', async () => {
    const { manager, clock } = newManager();
    await manager.queues.pause('default');
    await manager.start('a', () => 1);
    const expires = await manager.start('b', () => 1, { expiresInMs: 100 });
    expect(await manager.cancel('a')).toMatchObject({ status: 'cancelled' });
    await clock.run(100);
    expect(await expires.settled()).toMatchObject({ error: { code: 'QUEUE_EXPIRED' } });
    expect(await manager.queues.list()).toEqual([{ name: 'default', paused: true, queued: 0 }]);
  });

  it.each(['', 'a b', 'ü'])('may not be called %p', async (name) => {
    const { manager } = newManager();
    expect([await codeOf(manager.queues.pause(name)), await codeOf(manager.queues.resume(name))]).toEqual([
      'RangeError',
      'RangeError',
    ]);
  });
});
