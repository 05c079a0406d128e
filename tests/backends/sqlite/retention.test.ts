import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineTask } from '../../../src/task/task.js';
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

describe('keepKeyMs', () => {
  it('may be a fraction of a millisecond', async () => {
    const manager = bench.manager(bench.newFile(), { tasks: [task], retention: { keepKeyMs: 60_000.5 } });
    const run = await manager.start(task, undefined, { idempotencyKey: 'k' });
    expect(await run.result()).toBe('done');
  });
});
