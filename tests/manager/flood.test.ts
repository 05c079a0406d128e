import { describe, expect, it } from '@jest/globals';
import { TaskManager } from '../../src/manager/task-manager.js';
import { defineTask } from '../../src/task/task.js';

/** After this long a flood that nobody could stop ends by itself, so that the test fails instead of hanging. */
const GIVE_UP_MS = 3_000;

describe('a flood of runs that wait for nothing', () => {
  it.each([1, 64])('lets timers and the next turn of the event loop come, with a concurrency of %i', async (many) => {
    const manager = new TaskManager({ concurrency: many });
    const endsAt = performance.now() + GIVE_UP_MS;
    const seen = new Set<string>();
    let ended = (): void => undefined;
    const end = new Promise<void>((resolve) => (ended = resolve));
    const task = defineTask({
      name: 'next',
      handler: () => {
        if (seen.size === 2 || performance.now() > endsAt) ended();
        else void manager.start(task).catch(ended);
      },
    });
    setImmediate(() => seen.add('immediate'));
    setTimeout(() => seen.add('timer'), 1);
    for (let n = 0; n < many; n += 1) void manager.start(task);
    await end;
    const inTime = [...seen].sort();
    await manager.close();
    expect(inTime).toEqual(['immediate', 'timer']);
  });
});
