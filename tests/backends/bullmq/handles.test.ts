import { afterEach, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';

import { bullmq } from '../../../src/backends/bullmq/bullmq.js';
import { TaskManager } from '../../../src/manager/task-manager.js';
import type { ManagerOptions } from '../../../src/manager/manager-options.js';
import { defineTask } from '../../../src/task/task.js';
import { redisForTests, removeKeys } from '../../servers/redis.js';

const redis = await redisForTests();
const prefix = `t${randomBytes(6).toString('hex')}`;
const managers: TaskManager[] = [];

const task = defineTask({
  name: 'work',
  handler: (input: string) => {
    if (input === 'fail') throw Object.assign(new RangeError('too far'), { code: 'E_FAR' });
    return input.toUpperCase();
  },
});

function join(options: Partial<ManagerOptions> = {}): TaskManager {
  const manager = new TaskManager({ tasks: [task], backend: bullmq({ connection: redis.url, prefix }), ...options });
  managers.push(manager);
  return manager;
}

afterEach(async () => {
  await Promise.all(managers.splice(0).map((manager) => manager.close()));
  await removeKeys(redis.url, prefix);
});

redis.describe('what the process holds that has started a run which another one handles', () => {
  it('shows the run as it is, and its end', async () => {
    const desk = join({ work: false });
    const run = await desk.start(task, 'a');
    expect((await run.snapshot())?.status).toBe('queued');
    await join().open();
    expect(await run.result()).toBe('A');
    expect(await run.snapshot()).toMatchObject({ status: 'completed', result: 'A', attempt: 1 });
    expect(await run.cancel()).toMatchObject({ status: 'completed' });
  });

  it('rejects with what was thrown there, as far as it can be kept', async () => {
    const desk = join({ work: false });
    const run = await desk.start(task, 'fail');
    await join().open();
    await expect(run.result()).rejects.toMatchObject({
      code: 'HANDLER_FAILED',
      cause: { name: 'RangeError', message: 'too far', code: 'E_FAR' },
    });
  });

  it('stays with its run when the id is started again', async () => {
    const desk = join({ work: false });
    const run = await desk.start(task, 'a', { id: 'same' });
    await join().open();
    await run.settled();
    expect((await run.snapshot())?.result).toBe('A');
    await (await desk.start(task, 'b', { id: 'same' })).settled();
    expect((await run.snapshot())?.result).toBe('A');
  });
});
