import { describe, expect, it } from '@jest/globals';
import { TaskManager } from '../../../src/manager/task-manager.js';
import { settle } from '../../fake-clock.js';

describe('waits for one run', () => {
  it('that are given up together cost no time for each other', async () => {
    const manager = new TaskManager();
    let leave: (value: unknown) => void = () => undefined;
    const run = await manager.start('a', () => new Promise((resolve) => (leave = resolve)));
    const controller = new AbortController();
    const waits = Array.from({ length: 40_000 }, () => run.settled({ signal: controller.signal }).catch(() => 'left'));
    const stays = run.settled();
    await settle();
    const began = performance.now();
    controller.abort();
    // By copies of those that are left it took 23 s.
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(new Set(await Promise.all(waits))).toEqual(new Set(['left']));
    leave('done');
    expect((await stays).result).toBe('done');
    await manager.close({ graceMs: 0 });
  });
});
