import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { defineTask } from '../../../src/task/task.js';
import { Gate } from '../../manager/workbench.js';
import { until } from '../../until.js';
import { DurableBench } from './durable.js';

let bench: DurableBench;

beforeEach(async () => {
  bench = new DurableBench();
  await bench.open();
});

afterEach(() => bench.dispose());

describe('a handler that outlives its manager', () => {
  it('has nothing written any more when it settles, and nothing is tried again for ever', async () => {
    const errors: unknown[] = [];
    const ignore = (): void => undefined;
    const logger = {
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (_: object, text?: string) => void errors.push(text),
    };
    const gate = new Gate();
    let left = false;
    const manager = bench.manager(bench.newFile(), { logger });
    await manager.start('deaf', () => gate.promise.finally(() => (left = true)));
    await until(async () => (await manager.get('deaf'))?.status === 'running');
    await manager.close({ graceMs: 0 });
    gate.open(undefined);
    await until(() => left);
    for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([]);
  });

  it('is not at work any more for the next process: what that ends is not abandoned', async () => {
    const file = bench.newFile();
    const gate = new Gate();
    let begun = 0;
    const task = defineTask({ name: 'deaf', handler: () => ((begun += 1) === 1 ? gate.promise : 'done') });
    const before = bench.manager(file, { tasks: [task] });
    await before.start(task, 1, { id: 'a' });
    await until(() => begun === 1);
    await before.close({ graceMs: 0 });
    const after = bench.manager(file, { tasks: [task] });
    expect(await after.handle('a').settled()).toMatchObject({ status: 'completed', abandoned: false });
    gate.open(undefined);
  });
});
