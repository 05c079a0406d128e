import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { FeedSnapshot } from '../../src/koa/event-feed.js';
import { AllRunsFeed, AllRunsWatch } from '../../src/koa/all-runs-feed.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { FakeClock } from '../fake-clock.js';
import { TASKS, until } from './tasks.js';

let manager: TaskManager;
let feed: AllRunsFeed;
/** What happens while the page is read. */
let meanwhile: () => Promise<void>;

beforeEach(() => {
  manager = new TaskManager({ tasks: TASKS, graceMs: 50 });
  feed = new AllRunsFeed({
    watch: new AllRunsWatch({ manager, clock: new FakeClock(), exposeErrors: false }),
    request: { limit: 50 },
    list: async (request) => {
      await meanwhile();
      return { page: await manager.list(request), json: '{}' };
    },
  });
});

afterEach(async () => {
  feed.release();
  await manager.close({ graceMs: 0 });
});

/** The ids and statuses of what a client is told after its snapshot. */
function told({ position, contains }: FeedSnapshot): string[] {
  const lines: string[] = [];
  for (let at = position; at < feed.journal.end; at += 1) {
    const entry = feed.journal.at(at);
    if (entry && contains?.(entry, at) !== true) lines.push(`${entry.event.runId} ${entry.event.status}`);
  }
  return lines;
}

describe('the snapshot of all runs', () => {
  it('is followed by what it does not have yet, and by nothing that it has', async () => {
    meanwhile = async () => {
      await manager.startNamed('endless', undefined, { id: 'a' });
      await until(async () => (await manager.get('a'))?.status === 'running');
      await until(() => feed.journal.end >= 2);
    };
    const snapshot = await feed.snapshot();
    const before = feed.journal.end;
    expect(snapshot.position).toBe(0);
    expect(told(snapshot)).toEqual([]);
    await (await manager.cancel('a'), manager.handle('a').settled());
    await until(() => feed.journal.end >= before + 2);
    expect(told(snapshot)).toEqual(['a cancelling', 'a cancelled']);
  });

  it('has nothing of a run that began its count anew after it', async () => {
    meanwhile = async () => {
      await (await manager.startNamed('echo', 1, { id: 'a' })).settled();
      await until(() => feed.journal.end >= 3);
    };
    const { contains } = await feed.snapshot();
    const first = feed.journal.at(0);
    expect(first && contains?.(first, 0)).toBe(true);
    expect(first && contains?.(first, feed.journal.end)).toBe(false);
  });
});
