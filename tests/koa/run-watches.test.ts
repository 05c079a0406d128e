import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RunWatches } from '../../src/koa/run-watches.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { Run } from '../../src/task/run.js';
import { FakeClock } from '../fake-clock.js';
import { TASKS } from './tasks.js';

const MANY = 1_000;

let manager: TaskManager;
let clock: FakeClock;
let watches: RunWatches;

beforeEach(() => {
  clock = new FakeClock();
  manager = new TaskManager({ tasks: TASKS, concurrency: Infinity });
  watches = new RunWatches({ manager, clock, exposeErrors: false });
});

afterEach(() => manager.close({ graceMs: 0 }));

async function run(id: string): Promise<Run> {
  const handle = await manager.startNamed('endless', undefined, { id });
  const snapshot = await handle.snapshot();
  if (snapshot === undefined) throw new Error('it was just started');
  return snapshot;
}

describe('RunWatches', () => {
  it('keeps at most 1,000 for clients that may come back, and drops the one left first', async () => {
    const first = await run('first');
    watches.release('first', watches.acquire(first));
    for (let at = 1; at < MANY; at += 1) {
      const other = await run(`r${at}`);
      watches.release(other.id, watches.acquire(other));
    }
    expect(watches.find(first)).toBeDefined();
    watches.acquire(await run('one-more'));
    expect(watches.find(first)).toBeUndefined();
    expect(clock.pending).toBe(MANY - 1);
  });

  it('gives one that is not kept when all 1,000 have clients', async () => {
    for (let at = 0; at < MANY; at += 1) watches.acquire(await run(`r${at}`));
    const extra = await run('extra');
    const watch = watches.acquire(extra);
    await watch.ready;
    expect(watches.find(extra)).toBeUndefined();
    watches.release('extra', watch);
    await manager.cancel('extra');
    expect(watch.journal.ended).toBe(true);
  });

  it('keeps nothing of a run that had ended before anybody watched it', async () => {
    const handle = await manager.startNamed('echo', 1, { id: 'over' });
    const over = await handle.settled();
    const watch = watches.acquire(over);
    await watch.ready;
    await Promise.resolve();
    watches.release('over', watch);
    expect(watches.find(over)).toBeUndefined();
    expect(clock.pending).toBe(0);
  });
});
