import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TaskManager } from '../../../src/manager/task-manager.js';
import { type AnyTask } from '../../../src/task/any-task.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { defineTask } from '../../../src/task/task.js';
import { sleep } from '../../../src/timing/sleep.js';
import { type FleetGround, fleetGrounds, newPrefix } from './fleet-ground.js';
import { backendOn } from './fleet-subject.js';

/** How many handlers of the task are at work in both processes together. */
class AtWork {
  now = 0;
  most = 0;

  enter(): void {
    this.now += 1;
    this.most = Math.max(this.most, this.now);
  }

  leave(): void {
    this.now -= 1;
  }
}

/** A task that starts itself, as deep as its input says, and waits for what it has started. */
function nested(concurrency: number, atWork: AtWork): AnyTask {
  const task: AnyTask = defineTask({
    name: 'nested',
    limits: { concurrency },
    handler: async (deep: number, ctx: TaskContext): Promise<number> => {
      atWork.enter();
      try {
        await sleep(5);
        if (deep === 0) return 1;
        const children = [await ctx.start(task, deep - 1), await ctx.start(task, 0)];
        let sum = 1;
        for (const child of children) {
          atWork.leave();
          sum += (await child.result().finally(() => atWork.enter())) as number;
        }
        await sleep(5);
        return sum;
      } finally {
        atWork.leave();
      }
    },
  });
  return task;
}

describe.each(await fleetGrounds())('on $name', (ground: FleetGround) =>
  ground.describe('a limited task that starts itself, in two processes', () => {
    let prefix: string;
    let managers: TaskManager[];
    beforeEach(() => {
      prefix = newPrefix();
      managers = [];
    });
    afterEach(async () => {
      await Promise.all(managers.map((manager) => manager.close({ graceMs: 0 })));
      await ground.remove(prefix);
    });

    it.each([
      [1, 1],
      [1, 4],
      [2, 6],
    ])(
      'ends at concurrency %d, however many were started (%d), and its limit holds',
      async (concurrency, roots) => {
        const atWork = new AtWork();
        for (let process = 0; process < 2; process += 1) {
          const task = nested(concurrency, atWork);
          const backend = backendOn({ connection: ground.url, prefix, lockMs: 10_000 });
          const manager = new TaskManager({ tasks: [task], backend, concurrency: 8, graceMs: 60_000 });
          managers.push(manager);
          await manager.open();
        }
        const [a, b] = managers;
        const runs = await Promise.all(
          Array.from(
            { length: roots },
            (_, n) => (n % 2 ? a : b)?.startNamed('nested', 3) ?? Promise.reject(new Error()),
          ),
        );
        const ended = await Promise.all(runs.map((run) => run.settled()));
        expect(ended.map(({ status, result }) => [status, result])).toEqual(runs.map(() => ['completed', 7]));
        expect([atWork.now, atWork.most]).toEqual([0, concurrency]);
      },
      60_000,
    );
  }),
);
