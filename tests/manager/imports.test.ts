import { describe, expect, it } from '@jest/globals';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { managerCore } from '../../src/manager/task-manager.js';
import { CRASH_DEFAULTS } from '../../src/task/crash-policy.js';
import { NO_RETRY } from '../../src/task/retry-policy.js';
import { defineTask, type ResolvedTask, resolveTask, type TaskHandler } from '../../src/task/task.js';
import { FakeClock } from '../fake-clock.js';
import { Crowd, Gate, hang, newManager } from './workbench.js';

/** A manager whose imports are handled by `handler`. */
function importing(handler: TaskHandler<unknown, unknown>, options: ManagerOptions = {}) {
  const { manager, clock } = newManager(options);
  const core = managerCore(manager);
  const task: ResolvedTask = {
    name: 'import',
    input: undefined,
    queue: 'default',
    priority: 0,
    retry: NO_RETRY,
    limits: {},
    crash: CRASH_DEFAULTS,
    children: 'fail-fast',
    hooks: {},
    handler,
  };
  core.handleImports({ task, mayBegin: () => true, onForgotten: () => undefined });
  core.registry.register(defineTask({ name: 't', handler: () => undefined }));
  const start = async (id: string) => core.start({ task, name: 't', kind: 'import', input: 'file' }, { id });
  return { manager, core, clock, task, start };
}

describe('imports', () => {
  it('are at work a hundred at once, whatever the concurrency, and the next begins when one has settled', async () => {
    const crowd = new Crowd();
    const { manager, clock, start } = importing(crowd.handler, { concurrency: 1 });
    for (let n = 0; n < 103; n += 1) await start(`import-${n}`);
    await clock.run(0);
    expect([crowd.atWork, (await manager.counts()).atWork]).toEqual([100, 0]);
    crowd.gates.shift()?.open(undefined);
    await clock.run(0);
    expect([crowd.atWork, crowd.gates.length]).toEqual([100, 100]);
    expect((await manager.counts()).total).toMatchObject({ completed: 1, running: 100, queued: 2 });
    await crowd.leave(clock);
    expect(crowd.most).toBe(100);
  });

  it('that were given up keep their place until their handlers settle, and one that waited takes none', async () => {
    const crowd = new Crowd();
    const { manager, clock, start } = importing(crowd.handler, { graceMs: 100 });
    for (let n = 0; n < 102; n += 1) await start(`import-${n}`);
    await clock.run(0);
    await manager.cancel('import-101');
    await manager.cancel('import-0');
    await clock.run(200);
    expect(await manager.get('import-0')).toMatchObject({ status: 'cancelled', abandoned: true });
    expect(crowd.atWork).toBe(100);
    crowd.gates.shift()?.open(undefined);
    await clock.run(0);
    expect(await manager.get('import-100')).toMatchObject({ status: 'running' });
    expect(crowd.atWork).toBe(100);
    await crowd.leave(clock);
  });

  it('have twice the grace of a run: that of their items, and then time to end', async () => {
    const { manager, clock, start } = importing(hang, { graceMs: 100 });
    await start('a');
    await clock.run(0);
    await manager.cancel('a');
    await clock.run(199);
    expect(await manager.get('a')).toMatchObject({ status: 'cancelling' });
    await clock.run(1);
    expect(await manager.get('a')).toMatchObject({ status: 'cancelled', abandoned: true });
  });

  it('and items that do not stop leave no timer behind when the manager has closed', async () => {
    const item = resolveTask(defineTask({ name: 't', limits: { hardLimitMs: 60_000 }, handler: hang }));
    const clock = new FakeClock();
    const { manager, core, start } = importing(
      async (_input, ctx) => {
        const { signal } = ctx;
        return (await core.callItem({ task: item, input: 1, ctx, index: 0, attempt: 1, signal })).value;
      },
      { clock },
    );
    await start('a');
    await clock.run(0);
    expect((await manager.counts()).atWork).toBe(1);
    const closing = manager.close({ graceMs: 0 });
    await clock.run(1_000);
    expect(await closing).toMatchObject({ interrupted: 1, abandoned: 1 });
    expect(clock.pending).toBe(0);
  });

  it('into a task that nobody has registered wait for it', async () => {
    const { manager, core, clock, task } = importing(() => 'done');
    await core.start({ task, name: 'later', kind: 'import', input: 'file' }, { id: 'a' });
    await clock.run(0);
    expect(await manager.get('a')).toMatchObject({ status: 'queued' });
    manager.register(defineTask({ name: 'later', handler: () => undefined }));
    await clock.run(0);
    expect(await manager.get('a')).toMatchObject({ status: 'completed', result: 'done' });
  });

  it('wait until their files are at hand', async () => {
    const { manager, clock } = newManager();
    const core = managerCore(manager);
    const { task } = importing(() => 'done');
    let isReady = false;
    core.registry.register(defineTask({ name: 't', handler: () => undefined }));
    core.handleImports({ task, mayBegin: () => isReady, onForgotten: () => undefined });
    await core.start({ task, name: 't', kind: 'import', input: 'file' }, { id: 'a' });
    await clock.run(0);
    expect(await manager.get('a')).toMatchObject({ status: 'queued' });
    isReady = true;
    core.wake();
    await clock.run(0);
    expect(await manager.get('a')).toMatchObject({ status: 'completed' });
  });

  it('can be handled by one room alone', () => {
    const { core, task } = importing(() => new Gate().promise);
    expect(() => core.handleImports({ task, mayBegin: () => true, onForgotten: () => undefined })).toThrow(
      /has imports already/,
    );
  });
});
