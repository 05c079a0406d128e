import { describe, expect, it, jest } from '@jest/globals';
import { defineTask } from '../../src/task/task.js';
import { settle } from '../fake-clock.js';
import { codeOf, Crowd, Gate, hang, newManager } from './workbench.js';

describe('a cancelled handler that does not stop', () => {
  it('has its run cancelled without it after graceMs, as abandoned', async () => {
    const { manager, clock } = newManager({ graceMs: 500 });
    const run = await manager.start('a', hang);
    await settle();
    await run.cancel();
    await clock.run(499);
    expect((await run.snapshot())?.status).toBe('cancelling');
    await clock.run(1);
    expect(await run.snapshot()).toMatchObject({ status: 'cancelled', abandoned: true });
    expect(await run.settled()).toMatchObject({ finishedAt: clock.now() });
  });

  it('has a grace of ten seconds unless told otherwise', async () => {
    const { manager, clock } = newManager();
    const run = await manager.start('a', hang);
    await settle();
    await run.cancel();
    await clock.run(9_999);
    expect((await run.snapshot())?.status).toBe('cancelling');
    await clock.run(1);
    expect((await run.snapshot())?.status).toBe('cancelled');
  });

  it('keeps its slot until it settles, visible in the counts', async () => {
    const { manager, clock } = newManager({ concurrency: 1, graceMs: 100 });
    const gate = new Gate();
    await manager.start('a', () => gate.promise);
    const next = jest.fn();
    const waiting = await manager.start('b', next);
    await settle();
    await manager.cancel('a');
    await clock.run(1_000);
    expect(next).not.toHaveBeenCalled();
    expect(await manager.counts()).toMatchObject({
      atWork: 1,
      abandoned: 1,
      total: { queued: 1, cancelled: 1, running: 0 },
    });
    gate.open(undefined);
    await waiting.settled();
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0, dropped: 1 });
  });

  it('keeps its id: it cannot be started again before', async () => {
    const { manager, clock } = newManager({ graceMs: 100 });
    const gate = new Gate();
    await manager.start('a', () => gate.promise);
    await settle();
    await manager.cancel('a');
    await clock.run(100);
    const second = jest.fn(() => 'second');
    await expect(manager.start('a', second)).rejects.toMatchObject({
      code: 'RUN_CONFLICT',
      details: { abandoned: true, status: 'cancelled' },
    });
    gate.open(undefined);
    await settle();
    expect(await (await manager.start('a', second)).result()).toBe('second');
  });

  it('is told in the log', async () => {
    const warn = jest.fn();
    const logger = { debug: jest.fn(), info: jest.fn(), warn, error: jest.fn() };
    const { manager, clock } = newManager({ graceMs: 100, logger });
    await manager.start('a', hang);
    await settle();
    await manager.cancel('a');
    await clock.run(100);
    expect(warn).toHaveBeenCalledWith(
      expect.objectContaining({ runId: 'a' }),
      expect.stringContaining('does not stop'),
    );
  });
});

describe('a limit', () => {
  it('of 2 stays one with 20 runs that time out and ignore their signal', async () => {
    const { manager, clock } = newManager();
    const crowd = new Crowd();
    const limits = { concurrency: 2, hardLimitMs: 100 };
    const task = defineTask({
      name: 't',
      limits,
      retry: { maxAttempts: 2, initialDelayMs: 0 },
      handler: crowd.handler,
    });
    const runs = [];
    for (let n = 0; n < 20; n += 1) runs.push(await manager.start(task));
    await clock.run(10_000);
    expect([crowd.atWork, crowd.most]).toEqual([2, 2]);
    expect(await manager.counts()).toMatchObject({ atWork: 2, abandoned: 2, total: { retrying: 2, queued: 18 } });
    for (let round = 0; round < 60; round += 1) {
      crowd.gates.shift()?.open(undefined);
      await clock.run(200);
    }
    expect(crowd.most).toBe(2);
    const ends = await Promise.all(runs.map((run) => run.settled()));
    expect(ends.map(({ status, attempt }) => [status, attempt])).toEqual(ends.map(() => ['failed', 2]));
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0 });
  });

  it('of the manager stays one with cancelled handlers that ignore their signal', async () => {
    const { manager, clock } = newManager({ concurrency: 3, graceMs: 10 });
    const crowd = new Crowd();
    for (let n = 0; n < 20; n += 1) await manager.start(`run-${n}`, crowd.handler);
    await clock.run(0);
    for (let n = 0; n < 10; n += 1) {
      await manager.cancel(`run-${n}`);
      await clock.run(20);
      expect(crowd.atWork).toBe(3);
      expect((await manager.counts()).atWork).toBe(crowd.atWork);
    }
    await crowd.leave(clock);
    expect(crowd.most).toBe(3);
    expect(await codeOf(manager.start('run-0', hang))).toMatchObject({ resolved: { id: 'run-0' } });
  });
});
