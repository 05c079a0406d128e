import { describe, expect, it } from '@jest/globals';
import { TaskManager } from '../../../src/manager/task-manager.js';
import { settle } from '../../fake-clock.js';

/** How long it takes that so many waits for one run are given up, in ms. */
async function timeToLeave(waiting: number): Promise<number> {
  const manager = new TaskManager();
  let leave: (value: unknown) => void = () => undefined;
  const run = await manager.start('a', () => new Promise((resolve) => (leave = resolve)));
  // A signal each: Node itself looks through all listeners of one whenever another is added.
  const controllers = Array.from({ length: waiting }, () => new AbortController());
  const waits = controllers.map(({ signal }) => run.settled({ signal }).catch(() => 'left'));
  const stays = run.settled();
  await settle();
  const began = performance.now();
  for (const controller of controllers) controller.abort();
  const took = performance.now() - began;
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['left']));
  leave('done');
  expect((await stays).result).toBe('done');
  await manager.close({ graceMs: 0 });
  return took;
}

describe('waits for one run', () => {
  it('that are given up together cost no time for each other', async () => {
    await timeToLeave(2_000);
    const few = Math.max(await timeToLeave(2_000), await timeToLeave(2_000));
    // Ten times as many: by copies of those that are left it would be a hundred times as long.
    expect(await timeToLeave(20_000)).toBeLessThan(40 * few);
  });
});
