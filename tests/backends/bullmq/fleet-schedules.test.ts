import { afterEach, describe, expect, it } from '@jest/globals';
import { TaskManager } from '../../../src/manager/task-manager.js';
import type { ManagerOptions } from '../../../src/manager/manager-options.js';
import { defineTask } from '../../../src/task/task.js';
import { until } from '../../until.js';
import { fleetGrounds, newPrefix } from './fleet-ground.js';
import { backendOn } from './fleet-subject.js';

const grounds = await fleetGrounds();
const note = defineTask({ name: 'note', handler: (_input: unknown, { runId }) => runId });
const other = defineTask({ name: 'other', handler: () => undefined });

/** What a test leaves to be undone, last first. */
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

describe.each(grounds)('on $name', (ground) => {
  function fleetOfManagers(): (options: ManagerOptions) => Promise<TaskManager> {
    const prefix = newPrefix();
    undo.push(() => ground.remove(prefix));
    return async (options) => {
      const manager = new TaskManager({ ...options, backend: backendOn({ connection: ground.url, prefix }) });
      undo.push(() => manager.close({ graceMs: 0 }));
      await manager.open();
      return manager;
    };
  }

  ground.describe('a schedule of a fleet', () => {
    it('is left to the processes that know its task, by those that do not', async () => {
      const join = fleetOfManagers();
      const first = await join({ tasks: [note], work: false });
      await first.schedules.put('s', { task: 'note', everyMs: 1_000, catchUp: 'all', overlap: 'queue' });
      await first.close();
      const strangers = [await join({ work: false }), await join({ tasks: [other] })];
      for (const stranger of strangers)
        await until(async () => ((await stranger.schedules.get('s'))?.waiting ?? 0) > 0);
      const worker = await join({ tasks: [note] });
      await until(async () => (await worker.counts()).total.completed >= 3);
      expect(await worker.schedules.get('s')).toMatchObject({ skipped: 0, lastError: null });
      for (const stranger of strangers) await until(async () => (await stranger.schedules.get('s'))?.lastRun !== null);
    });

    it('is known, and kept going, by processes that were open before it was put', async () => {
      const join = fleetOfManagers();
      const [front, worker] = [await join({ tasks: [note], work: false }), await join({ tasks: [note] })];
      await front.schedules.put('s', { task: 'note', everyMs: 1_000 });
      await until(async () => (await worker.schedules.list()).length === 1);
      await front.close();
      const before = (await worker.schedules.get('s'))?.lastRun;
      await until(async () => (await worker.schedules.get('s'))?.lastRun?.id !== before?.id);
    });
  });
});
