import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { statSync } from 'node:fs';
import { defineTask } from '../../../src/task/task.js';
import { DurableBench } from './durable.js';

const bench = new DurableBench();
const echo = defineTask({ name: 'echo', handler: (input: number) => input });
let file: string;

beforeEach(async () => {
  await bench.open();
  file = bench.newFile();
});

afterEach(() => bench.dispose());

/** A file in which so many runs wait. @returns their ids. */
async function waiting(count: number): Promise<readonly string[]> {
  const manager = bench.manager(file, { tasks: [echo] });
  await manager.queues.pause('default');
  const runs = await Promise.all(
    Array.from({ length: count }, (_, at) => manager.start(echo, at, at % 2 === 0 ? {} : { delayMs: 1e6 })),
  );
  await manager.close();
  return runs.map(({ id }) => id);
}

it('runs that wait are taken up without being written again, and are what they were', async () => {
  const [queued = '', scheduled = ''] = await waiting(2);
  const manager = bench.manager(file, { tasks: [echo] });
  await manager.open();
  expect(statSync(`${file}-wal`).size).toBe(0);
  expect(await manager.get(queued)).toMatchObject({ status: 'queued', version: 1 });
  expect(await manager.get(scheduled)).toMatchObject({ status: 'scheduled', version: 1 });
  await manager.queues.resume('default');
  expect(await manager.handle(echo, queued).result()).toBe(0);
});

it('a run that was at work is another version than any that was told before the crash', async () => {
  const manager = bench.manager(file);
  let begun = (): void => undefined;
  const isAtWork = new Promise<void>((resolve) => (begun = resolve));
  let end = (): void => undefined;
  const isOver = new Promise<void>((resolve) => (end = resolve));
  const run = await manager.start('report', async ({ progress }) => {
    for (let done = 1; done <= 3; done += 1) progress(done);
    begun();
    await isOver;
  });
  await isAtWork;
  const version = (await run.snapshot())?.version ?? Infinity;
  const later = bench.manager(await bench.crash(file));
  expect((await later.get(run.id))?.version).toBeGreaterThan(version);
  end();
});

it('the event loop turns while many are taken up', async () => {
  const ids = await waiting(2_000);
  const manager = bench.manager(file, { tasks: [echo] });
  let turns = 0;
  let turning = setImmediate(function turn() {
    turns += 1;
    turning = setImmediate(turn);
  });
  await manager.open();
  clearImmediate(turning);
  expect(turns).toBeGreaterThanOrEqual(10);
  const { total } = await manager.counts();
  expect(total.queued + total.scheduled).toBe(ids.length);
});
