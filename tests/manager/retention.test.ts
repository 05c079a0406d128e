import { describe, expect, it } from '@jest/globals';
import type { RunHandle } from '../../src/manager/run-handle.js';
import { defineTask } from '../../src/task/task.js';
import { collectGarbage } from '../collect-garbage.js';
import { settle } from '../fake-clock.js';
import { Gate, newManager } from './workbench.js';

const fails = () => Promise.reject(new Error('no'));
const HOUR = 3_600_000;

interface Started {
  readonly run: RunHandle<unknown>;
  readonly input: WeakRef<object>;
}

describe('retention', () => {
  it('keeps completed and cancelled runs for an hour, failed ones for seven days, unless told otherwise', async () => {
    const { manager, clock } = newManager();
    await manager.start('failed', fails);
    await manager.start('completed', () => 1);
    await manager.start('cancelled', () => 1, { delayMs: 1 });
    await manager.cancel('cancelled');
    await clock.run(HOUR - 1);
    expect((await manager.list()).items).toHaveLength(3);
    await clock.run(1);
    expect((await manager.list()).items.map(({ id }) => id)).toEqual(['failed']);
    await clock.run(7 * 24 * HOUR - HOUR - 1);
    expect((await manager.list()).items).toHaveLength(1);
    await clock.run(1);
    expect((await manager.list()).items).toEqual([]);
    expect((await manager.counts()).total).toMatchObject({ completed: 0, failed: 0, cancelled: 0 });
  });

  it('keeps so many of each, the newest', async () => {
    const { manager, clock } = newManager({ retention: { maxFinished: 3, maxFailed: 1 } });
    for (let n = 0; n < 6; n += 1) await (await manager.start(`ok-${n}`, () => 1)).settled();
    for (let n = 0; n < 3; n += 1) await (await manager.start(`bad-${n}`, fails)).settled();
    await clock.run(0);
    expect((await manager.list()).items.map(({ id }) => id)).toEqual(['bad-2', 'ok-5', 'ok-4', 'ok-3']);
  });

  it('takes runs whose ids the manager made like any other', async () => {
    const { manager } = newManager({ retention: { maxFinished: 2 } });
    const task = defineTask({ name: 't', handler: (n: number) => n });
    const ids: string[] = [];
    for (let n = 0; n < 6; n += 1) {
      const run = await manager.start(task, n);
      await run.settled();
      ids.push(run.id);
    }
    const found = await Promise.all(ids.map(async (id) => (await manager.get(id))?.result));
    expect(found).toEqual([undefined, undefined, undefined, undefined, 4, 5]);
    const again = await manager.start(task, 9, { id: ids[0] ?? '' });
    expect(await again.result()).toBe(9);
    expect((await manager.list()).items.map(({ result }) => result)).toEqual([9, 5]);
  });

  it('never takes a run that has not ended, nor one whose handler is at work', async () => {
    const { manager, clock } = newManager({ graceMs: 10, retention: { maxFinished: 0, keepResultMs: 0 } });
    const gate = new Gate();
    await manager.start('stuck', () => gate.promise);
    await manager.start('waits', () => 1, { delayMs: 100_000 });
    await clock.run(0);
    await manager.cancel('stuck');
    await clock.run(50_000);
    expect((await manager.list()).items.map(({ id, abandoned }) => [id, abandoned])).toEqual([
      ['waits', false],
      ['stuck', true],
    ]);
    gate.open(undefined);
    await clock.run(0);
    expect((await manager.list()).items.map(({ id }) => id)).toEqual(['waits']);
  });

  it('goes by the time that passes, whatever becomes of the time of day', async () => {
    const { manager, clock } = newManager();
    await (await manager.start('before', () => 1)).settled();
    clock.jump(30 * 24 * HOUR);
    await (await manager.start('ahead', () => 1)).settled();
    await clock.run(HOUR / 2);
    expect((await manager.list()).items.map(({ id }) => id)).toEqual(['ahead', 'before']);
    clock.jump(-60 * 24 * HOUR);
    await (await manager.start('behind', () => 1)).settled();
    await clock.run(HOUR / 2);
    expect((await manager.list()).items.map(({ id }) => id)).toEqual(['behind']);
    await clock.run(HOUR / 2);
    expect((await manager.list()).items).toEqual([]);
  });

  it('lets a run whose key has expired go in its turn, by its end', async () => {
    const { manager, clock } = newManager({ retention: { keepKeyMs: 1_000, keepResultMs: 1_500, maxFinished: 2 } });
    const shown = async () => (await manager.list()).items.map(({ id }) => id);
    await (await manager.start('keyed', () => 1, { idempotencyKey: 'k' })).settled();
    await clock.run(900);
    await (await manager.start('later', () => 1)).settled();
    await clock.run(100);
    expect(await shown()).toEqual(['later', 'keyed']);
    await clock.run(499);
    expect(await shown()).toEqual(['later', 'keyed']);
    await clock.run(1);
    expect(await shown()).toEqual(['later']);
    await clock.run(900);
    expect(await shown()).toEqual([]);
  });

  it('keeps a run for its key beyond its time and number, and no longer', async () => {
    const { manager, clock } = newManager({ retention: { keepKeyMs: 5_000, keepResultMs: 1_000, maxFinished: 1 } });
    await (await manager.start('keyed', () => 1, { idempotencyKey: 'k' })).settled();
    await (await manager.start('next', () => 1)).settled();
    await clock.run(4_999);
    expect((await manager.list()).items.map(({ id }) => id)).toEqual(['keyed']);
    await clock.run(1);
    expect((await manager.list()).items).toEqual([]);
    expect((await manager.counts()).total.completed).toBe(0);
  });

  it('keeps a run that was abandoned from the moment when its handler has settled', async () => {
    const { manager, clock } = newManager({ graceMs: 10, retention: { keepResultMs: 1_000 } });
    const gate = new Gate();
    await manager.start('stuck', () => gate.promise);
    await clock.run(0);
    await manager.cancel('stuck');
    await clock.run(10_000);
    await (await manager.start('quick', () => 1)).settled();
    await clock.run(500);
    gate.open(undefined);
    await clock.run(999);
    expect((await manager.list()).items.map(({ id }) => id)).toEqual(['stuck']);
    await clock.run(1);
    expect((await manager.list()).items).toEqual([]);
  });

  it('never keeps the process up', async () => {
    const { manager, clock } = newManager();
    await (await manager.start('a', () => 1, { idempotencyKey: 'k' })).settled();
    await (await manager.start('b', fails)).settled();
    expect(clock.pending).toBeGreaterThan(0);
    expect(clock.pendingRefed).toBe(0);
  });

  it('keeps memory flat: what is forgotten is gone', async () => {
    const { manager } = newManager({ retention: { maxFinished: 100 } });
    const task = defineTask({ name: 't', handler: () => ({ big: 'x'.repeat(1_000) }) });
    const watched = new WeakRef((await (await manager.start(task)).settled()).result as object);
    for (let n = 0; n < 5_000; n += 1) await manager.start(task);
    expect((await manager.list({ limit: 200 })).items).toHaveLength(100);
    await settle();
    collectGarbage();
    expect(watched.deref()).toBeUndefined();
  });

  it('keeps the input of a failed run, for a redrive, and of no other', async () => {
    const { manager } = newManager();
    const task = defineTask({ name: 't', handler: ({ fail }: { fail: boolean }) => (fail ? fails() : 1) });
    const start = async (fail: boolean, delayMs: number): Promise<Started> => {
      const input = { fail, big: 'x'.repeat(1_000) };
      return { run: await manager.start(task, input, { delayMs }), input: new WeakRef(input) };
    };
    const completed = await start(false, 0);
    const failed = await start(true, 0);
    const waiting = await start(false, 1);
    await Promise.all([completed.run.settled(), failed.run.settled(), manager.cancel(waiting.run.id)]);
    await settle();
    collectGarbage();
    const dropped = [completed, waiting, failed].map(({ input }) => input.deref() === undefined);
    expect(dropped).toEqual([true, true, false]);
    expect((await manager.list()).items).toHaveLength(3);
  });

  it.each([{ keepResultMs: -1 }, { maxFinished: 1.5 }, { maxFailed: NaN }, { keep: 1 }])('refuses %j', (retention) => {
    expect(() => newManager({ retention })).toThrow();
  });
});
