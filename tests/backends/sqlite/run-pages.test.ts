import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TaskManager } from '../../../src/manager/task-manager.js';
import { defineTask } from '../../../src/task/task.js';
import { DurableBench } from './durable.js';

let bench: DurableBench;
let manager: TaskManager;

const echo = defineTask({ name: 'echo', handler: (input: unknown) => input });

beforeEach(async () => {
  bench = new DurableBench();
  await bench.open();
  manager = bench.manager(bench.newFile(), { tasks: [echo] });
});

afterEach(() => bench.dispose());

/** Runs that have ended, `r0` first. */
async function ended(count: number, input: unknown, tagsOf: (at: number) => string[] = () => []): Promise<void> {
  const runs = await Promise.all(
    Array.from({ length: count }, (_, at) => manager.start(echo, input, { id: `r${at}`, tags: tagsOf(at) })),
  );
  await Promise.all(runs.map((run) => run.settled()));
}

describe('a page of runs that are in the file', () => {
  it('lets the event loop turn where what it shows is long', async () => {
    await ended(
      60,
      Array.from({ length: 20_000 }, () => 'twenty characters --'),
    );
    let [turns, over] = [0, false];
    const turn = (): void => {
      turns += 1;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    const { items } = await manager.list({ limit: 200 });
    over = true;
    expect(items).toHaveLength(60);
    expect(turns).toBeGreaterThan(2);
  });

  it('has all that match, newest first, however far they are apart', async () => {
    await ended(800, null, (at) => (at % 300 === 7 ? ['rare', 'tag'] : ['tag']));
    const idsOf = async (limit: number, cursor?: string): Promise<[string[], string | undefined]> => {
      const page = await manager.list({ tag: 'rare', limit, ...(cursor !== undefined && { cursor }) });
      return [page.items.map(({ id }) => id), page.nextCursor];
    };
    expect((await idsOf(10))[0]).toEqual(['r607', 'r307', 'r7']);
    const [first, cursor] = await idsOf(2);
    expect(first).toEqual(['r607', 'r307']);
    const [rest, end] = await idsOf(2, cursor);
    expect([rest, end]).toEqual([['r7'], undefined]);
    expect((await manager.list({ tag: 'none' })).items).toEqual([]);
  });
});
