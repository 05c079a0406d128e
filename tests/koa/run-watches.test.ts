import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RunFeed } from '../../src/koa/run-feed.js';
import { RunWatches } from '../../src/koa/run-watches.js';
import type { RunHandle } from '../../src/manager/run-handle.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { Run } from '../../src/task/run.js';
import { FakeClock } from '../fake-clock.js';
import { TASKS, until } from './tasks.js';

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
    const first = watches.acquire(await run('first'));
    watches.release('first', first);
    for (let at = 1; at < MANY; at += 1) {
      const other = await run(`r${at}`);
      watches.release(other.id, watches.acquire(other));
    }
    expect(clock.pending).toBe(MANY);
    watches.acquire(await run('one-more'));
    expect(clock.pending).toBe(MANY - 1);
    await until(() => first.journal.ended);
  });

  it('gives one that is not kept when all 1,000 have clients', async () => {
    for (let at = 0; at < MANY; at += 1) watches.acquire(await run(`r${at}`));
    const extra = await run('extra');
    const watch = watches.acquire(extra);
    await watch.ready;
    expect(watches.acquire(extra)).not.toBe(watch);
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
    expect(clock.pending).toBe(0);
    expect(watches.acquire(over)).not.toBe(watch);
  });

  it('begins anew with a run whose events broke off, however soon its clients come back', async () => {
    const sound = manager;
    let broken = true;
    const handle = (id: string): RunHandle<unknown> => {
      const found = sound.handle(id);
      if (broken) Reflect.set(found, 'events', () => Readable.from([]));
      return found;
    };
    watches = new RunWatches({ manager: { handle } as never, clock, exposeErrors: false });
    const present = await run('r');
    const first = watches.acquire(present);
    await until(() => first.journal.ended);
    broken = false;
    const second = watches.acquire(present);
    await second.ready;
    expect(second.journal.ended).toBe(false);
    watches.release('r', first);
    expect(watches.acquire(present)).toBe(second);
  });

  describe('when an id is started again within a millisecond', () => {
    beforeEach(() => {
      manager = new TaskManager({ tasks: TASKS, clock });
      watches = new RunWatches({ manager, clock, exposeErrors: false });
    });

    afterEach(() => manager.cancel('again'));

    async function echo(): Promise<Run> {
      return (await manager.startNamed('echo', 1, { id: 'again' })).settled();
    }

    it('does not take the watch of the first run for one of the second, whether that runs or has ended', async () => {
      const first = await echo();
      const watch = watches.acquire(first);
      await watch.ready;
      expect(watches.acquire(first)).toBe(watch);
      const second = await echo();
      expect(second.createdAt).toBe(first.createdAt);
      const next = watches.acquire(second);
      await next.ready;
      expect(next).not.toBe(watch);
      expect(watches.acquire(await run('again'))).not.toBe(next);
    });

    it('still takes the watch of a run for its own when that was redriven', async () => {
      const failed = await (await manager.startNamed('broken', 1, { id: 'again' })).settled();
      const watch = watches.acquire(failed);
      await watch.ready;
      await manager.redrive('again');
      const redriven = await manager.get('again');
      expect(redriven?.version).toBe(failed.version + 1);
      expect(redriven && watches.acquire(redriven)).toBe(watch);
    });

    it('knows no event of the first run in the stream of the second', async () => {
      const first = await run('again');
      const watch = watches.acquire(first);
      await watch.ready;
      await manager.cancel('again');
      const ended = await manager.handle('again').settled();
      const second = await run('again');
      const next = watches.acquire(second);
      await next.ready;
      for (let seq = 0; seq <= ended.version; seq += 1) expect(next.positionAfter(seq)).toBeUndefined();
      expect(next.positionAfter(second.version)).toBe(0);
    });

    it('shows whoever watches the first run how that ended, and nothing of the second', async () => {
      const watch = watches.acquire(await run('again'));
      // The run ends, and another takes its id, while the snapshot is fetched.
      const get = async (): Promise<Run> => {
        await manager.cancel('again');
        await manager.handle('again').settled();
        return run('again');
      };
      const view = { base: '/process', exposeErrors: false, withResult: true };
      const feed = new RunFeed({ id: 'again', watch, watches, manager: { get }, view });
      expect((await feed.snapshot())?.frame).toContain('"status":"cancelled"');
    });
  });
});
