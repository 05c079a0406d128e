import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { slowReport } from '../../src/examples/slow-report.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { resolveTask } from '../../src/task/task.js';
import { until } from '../until.js';

let manager: TaskManager;

beforeEach(() => {
  manager = new TaskManager({ tasks: [slowReport] });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
});

describe('slow-report', () => {
  it('has no retry and no limit of its own', () => {
    expect(resolveTask(slowReport)).toMatchObject({ retry: { maxAttempts: 1 }, limits: {} });
  });

  it.each([undefined, {}])('takes 20 steps of half a second when it is given %j', async (input) => {
    const run = await manager.start(slowReport, input);
    await until(async () => (await run.snapshot())?.progress !== null);
    expect((await run.snapshot())?.progress).toMatchObject({ done: 0, total: 20 });
    await run.cancel();
  });

  it('takes as many steps as it is told, and says how many it took', async () => {
    const run = await manager.start(slowReport, { steps: 3, stepMs: 1 });
    expect(await run.result()).toEqual({ steps: 3 });
    expect(await run.snapshot()).toMatchObject({ progress: { done: 3, total: 3 } });
  });

  it('stops at once when it is cancelled', async () => {
    const run = await manager.start(slowReport, { steps: 1, stepMs: 60_000 });
    await until(async () => (await run.snapshot())?.progress !== null);
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false });
  });

  it.each([
    [{ steps: 0 }],
    [{ steps: 10_001 }],
    [{ steps: 1.5 }],
    [{ steps: '3' }],
    [{ stepMs: -1 }],
    [{ stepMs: 60_001 }],
    [{ step: 3 }],
    [[]],
    [null],
  ])('refuses %j', async (input) => {
    await expect(manager.startNamed('slow-report', input)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });
});
