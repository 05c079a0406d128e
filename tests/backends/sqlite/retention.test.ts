import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineTask } from '../../../src/task/task.js';
import { FakeClock } from '../../fake-clock.js';
import { until } from '../../until.js';
import { DurableBench } from './durable.js';

let bench: DurableBench;
const task = defineTask({ name: 'note', handler: () => 'done' });

beforeEach(async () => {
  bench = new DurableBench();
  await bench.open();
});

afterEach(() => bench.dispose());

describe('a run that is kept for its key alone', () => {
  it('is counted once, also where another run takes its id', async () => {
    const manager = bench.manager(bench.newFile(), { tasks: [task], retention: { maxFinished: 0 } });
    const run = await manager.start(task, undefined, { id: 'a', idempotencyKey: 'k' });
    await run.settled();
    await until(async () => (await manager.counts()).total.completed === 0);
    expect(await manager.get('a')).toMatchObject({ status: 'completed' });
    await manager.start(task, undefined, { id: 'a', delayMs: 60_000 });
    expect((await manager.counts()).total).toMatchObject({ completed: 0, scheduled: 1 });
  });
});

describe('ended runs', () => {
  it('go when they are too old, also where others went before because there were too many', async () => {
    const clock = new FakeClock();
    const retention = { maxFinished: 2, keepResultMs: 600_000 };
    const manager = bench.manager(bench.newFile(), { tasks: [task], clock, retention });
    const kept = async () => (await manager.list({})).items.map(({ id }) => id);
    for (const id of ['a', 'b', 'c', 'd']) {
      await (await manager.start(task, undefined, { id })).settled();
      await clock.run(100_000);
    }
    await until(async () => (await kept()).join() === 'd,c');
    await clock.run(390_000); // 'c' ended 590 s ago, 'd' 490 s ago
    expect(await kept()).toEqual(['d', 'c']);
    await clock.run(70_000);
    await until(async () => (await kept()).join() === 'd');
    await clock.run(100_000);
    await until(async () => (await kept()).length === 0);
  });
});

describe('keepKeyMs', () => {
  it('may be a fraction of a millisecond', async () => {
    const manager = bench.manager(bench.newFile(), { tasks: [task], retention: { keepKeyMs: 60_000.5 } });
    const run = await manager.start(task, undefined, { idempotencyKey: 'k' });
    expect(await run.result()).toBe('done');
  });
});

describe('an abandoned run', () => {
  it('is there as long as its handler is at work, however many runs end meanwhile, and counts from then on', async () => {
    const { promise, resolve: letGo } = deferred();
    const stuck = defineTask({ name: 'stuck', handler: () => promise });
    const tasks = [task, stuck];
    const manager = bench.manager(bench.newFile(), { tasks, graceMs: 0, retention: { maxFinished: 1 } });
    const abandoned = await manager.start(stuck, undefined, { id: 'abandoned' });
    await until(async () => (await abandoned.snapshot())?.status === 'running');
    await abandoned.cancel();
    await abandoned.settled();
    for (const id of ['a', 'b', 'c']) await (await manager.start(task, undefined, { id })).settled();
    await until(async () => (await manager.get('b')) === undefined);
    expect((await manager.list({})).items.map(({ id }) => id)).toEqual(['c', 'abandoned']);
    letGo();
    await until(async () => (await manager.get('abandoned')) === undefined);
    expect((await manager.list({})).items.map(({ id }) => id)).toEqual(['c']);
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
