import { readdirSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TaskContext } from '../../src/task/task-context.js';
import { defineTask } from '../../src/task/task.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { Life } from './durable-imports.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const ndjson = (count: number): string => numbers(count).join('\n');
const never = (ctx: TaskContext): Promise<never> =>
  new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error)));

/** The items that were handled, in each life. */
let begun: number[][];
let handler: (item: number, ctx: TaskContext) => unknown;
let lives: Life[];

beforeEach(() => {
  begun = [];
  lives = [];
  handler = () => undefined;
});

afterEach(async () => {
  await Promise.all(lives.map((life) => life.end()));
});
// After that, the folders go.
const newFolder = temporaryFolders();

async function live(folder?: string, maxConcurrent?: number, maxSpoolBytes?: number): Promise<Life> {
  const items: number[] = [];
  begun.push(items);
  const task = defineTask({
    name: 'item',
    handler: (item: number, ctx) => {
      items.push(item);
      return handler(item, ctx);
    },
  });
  const life = new Life(folder ?? (await newFolder()), task, {
    ...(maxConcurrent !== undefined && { maxConcurrent }),
    ...(maxSpoolBytes !== undefined && { maxSpoolBytes, maxBytes: maxSpoolBytes / 2 }),
  });
  lives.push(life);
  return life;
}

/** The next life of an import whose process is killed now. */
async function killed(life: Life, maxConcurrent?: number): Promise<Life> {
  return live(life.killed(join(await newFolder(), 'image')), maxConcurrent);
}

describe('an import whose process is killed', () => {
  it('goes on where it was: what had ended is not handled again, what was at work is, and the counts are exact', async () => {
    handler = (n, ctx) => (n >= 20 ? never(ctx) : n % 4 === 3 ? Promise.reject(new Error(`bad ${n}`)) : n);
    const first = await live();
    const { id } = await first.start(ndjson(40));
    await until(async () => (await first.manager.get(id))?.progress?.done === 20);
    await until(() => begun[0]?.length === 25);
    const next = await killed(first);
    handler = (n) => (n % 4 === 3 ? Promise.reject(new Error(`bad ${n}`)) : n);
    const ended = await next.manager.handle(id).settled();
    expect([ended.status, ended.attempt, ended.progress?.done]).toEqual(['completed', 1, 40]);
    expect(ended.result).toEqual({ total: 40, succeeded: 30, failed: 10, cancelled: 0 });
    expect(begun[1]?.sort((a, b) => a - b)).toEqual(numbers(40).slice(20));
    const failures = await next.failures(id);
    expect(failures.map(({ index, line }) => [index, line]).sort(([a = 0], [b = 0]) => Number(a) - Number(b))).toEqual(
      numbers(10).map((n) => [4 * n + 3, 4 * n + 4]),
    );
  });

  it('has each item of a CSV file handled under its own index, with the key of the first time', async () => {
    const keys: string[] = [];
    handler = (_, ctx) => {
      keys.push(`${ctx.itemIndex} ${ctx.idempotencyKey}`);
      return ctx.itemIndex === 2 ? never(ctx) : undefined;
    };
    const first = await live(undefined, 1);
    const { id } = await first.start('n\n"a\nb"\nc\nd\ne\n', { format: 'csv' });
    await until(() => begun[0]?.length === 3);
    const next = await killed(first, 1);
    const before = keys.splice(0);
    handler = (_, ctx) => keys.push(`${ctx.itemIndex} ${ctx.idempotencyKey}`);
    expect(await next.manager.handle(id).result()).toEqual({ total: 4, succeeded: 4, failed: 0, cancelled: 0 });
    expect(begun[1]).toEqual([{ n: 'd' }, { n: 'e' }]);
    expect(keys[0]).toBe(before[2]);
    expect(keys).toHaveLength(2);
  });

  it('begins from its first record where it had not begun', async () => {
    const first = await live();
    await first.manager.queues.pause('default');
    const { id } = await first.start(ndjson(3));
    const next = await killed(first);
    await next.manager.queues.resume('default');
    expect(await next.manager.handle(id).result()).toMatchObject({ total: 3, succeeded: 3 });
  });

  it('handles no record again, and loses none, whenever it is killed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.nat(60), { maxLength: 20 }),
        fc.array(fc.nat(70), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 6 }),
        async (count, bad, killedAt, maxConcurrent) => {
          begun = [];
          const isBad = new Set(bad);
          let calls = 0;
          let image: string | undefined;
          const first = await live(undefined, maxConcurrent);
          let now = first;
          const folder = await newFolder();
          handler = async (n) => {
            await new Promise((resolve) => setImmediate(resolve));
            if ((calls += 1) === killedAt[begun.length - 1]) image = now.killed(join(folder, String(begun.length)));
            if (isBad.has(n)) throw new Error('bad');
          };
          const { id } = await first.start(ndjson(count));
          let ended = await first.manager.handle(id).settled();
          while (image !== undefined) {
            const from = image;
            image = undefined;
            calls = 0;
            await now.end();
            now = await live(from, maxConcurrent);
            ended = await now.manager.handle(id).settled();
          }
          const failed = numbers(count).filter((n) => isBad.has(n));
          expect(ended.result).toEqual({
            total: count,
            succeeded: count - failed.length,
            failed: failed.length,
            cancelled: 0,
          });
          expect((await now.failures(id)).map(({ index }) => index).sort((a, b) => a - b)).toEqual(failed);
          // Its body goes when it has ended.
          await until(() => now.stored().length === (failed.length > 0 ? 1 : 0));
          await now.end();
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it('handles at most as many records twice as may be at work at once', async () => {
    handler = () => new Promise((resolve) => setImmediate(resolve));
    const first = await live(undefined, 3);
    const { id } = await first.start(ndjson(2_000));
    await until(() => (begun[0]?.length ?? 0) >= 700);
    const next = await killed(first, 3);
    const before = new Set(begun[0]);
    expect(await next.manager.handle(id).result()).toMatchObject({ succeeded: 2_000 });
    const twice = begun[1]?.filter((n) => before.has(n)) ?? [];
    expect(twice.length).toBeLessThanOrEqual(3);
    expect(new Set([...before, ...(begun[1] ?? [])]).size).toBe(2_000);
  });
});

describe('an import that goes on', () => {
  it('may be killed as often as it likes, as long as it gets somewhere between', async () => {
    const stopAt = (stop: number) => (n: number, ctx: TaskContext) => (n >= stop ? never(ctx) : n);
    handler = stopAt(1);
    let life = await live(undefined, 1);
    const { id } = await life.start(ndjson(8));
    for (let kill = 2; kill <= 7; kill += 1) {
      const items = begun.at(-1);
      await until(() => items?.at(-1) === kill - 1);
      life = await killed(life, 1);
      handler = stopAt(kill);
      await life.manager.open();
    }
    handler = (n) => n;
    life = await killed(life, 1);
    expect(await life.manager.handle(id).result()).toMatchObject({ total: 8, succeeded: 8 });
  });

  it('gives up a record that kills its process again and again, although others get done between, and goes on', async () => {
    let kill = 1;
    // Of those beside record 4, ten get done in each life; record 5 is slow, and no fault of its own.
    handler = (n, ctx) =>
      n === 4 || (n === 5 && begun.at(-1)?.includes(4)) || (kill < 5 && n >= 10 * kill) ? never(ctx) : n;
    let life = await live(undefined, 3);
    const { id } = await life.start(ndjson(60));
    for (; kill <= 4; kill += 1) {
      const items = begun.at(-1) ?? [];
      await until(() => items.includes(4) && (kill > 2 || items.includes(10 * kill)));
      life = await killed(life, 3);
      await life.manager.open();
    }
    expect(await life.manager.handle(id).result()).toEqual({ total: 60, succeeded: 59, failed: 1, cancelled: 0 });
    expect(await life.failures(id)).toMatchObject([{ index: 4, error: { code: 'CRASHED' } }]);
    // In the end it was alone, so that the slow one is not blamed.
    expect(begun.slice(2, 4)).toEqual([[4], [4]]);
    expect(begun[4]?.slice(0, 1)).toEqual([5]);
  });

  it('counts no orderly end against the records at work', async () => {
    handler = (_, ctx) => never(ctx);
    let life = await live(undefined, 1);
    const { id } = await life.start(ndjson(2));
    await until(() => begun.at(-1)?.length === 1);
    life = await killed(life, 1);
    for (let end = 1; end <= 6; end += 1) {
      await life.manager.open();
      const items = begun.at(-1) ?? [];
      await until(() => items.length === 1);
      await life.end();
      if (end === 6) handler = (n) => n;
      life = await live(life.folder, 1);
    }
    expect(await life.manager.handle(id).result()).toMatchObject({ total: 2, succeeded: 2 });
  });

  it('fails as CRASHED when its processes die before any record has begun', async () => {
    const task = defineTask({ name: 'item', handler: () => undefined });
    const unread = async (folder: string): Promise<Life> => {
      const life = new Life(folder, task, {}, { open: () => new Promise(() => undefined) });
      lives.push(life);
      await life.manager.open();
      return life;
    };
    let life = await unread(await newFolder());
    const { id } = await life.start(ndjson(2));
    for (let kill = 1; kill <= 4; kill += 1) {
      await until(async () => (await life.manager.get(id))?.status === 'running');
      life = await unread(life.killed(join(await newFolder(), 'image')));
    }
    expect(await life.manager.handle(id).settled()).toMatchObject({ status: 'failed', error: { code: 'CRASHED' } });
  });

  it('goes on after an orderly end, too', async () => {
    handler = (n, ctx) => (n >= 3 ? never(ctx) : n);
    const first = await live(undefined, 1);
    const { id } = await first.start(ndjson(6));
    await until(() => begun[0]?.length === 4);
    await first.end();
    handler = (n) => n;
    const next = await live(first.folder, 1);
    expect(await next.manager.handle(id).result()).toEqual({ total: 6, succeeded: 6, failed: 0, cancelled: 0 });
    expect(begun[1]).toEqual([3, 4, 5]);
  });
});

describe('an import that is cancelled', () => {
  it('keeps counts and failures over a restart', async () => {
    handler = (n, ctx) => (n >= 4 ? never(ctx) : n % 2 === 0 ? Promise.reject(new Error('bad')) : n);
    const first = await live(undefined, 1);
    const run = await first.start(ndjson(10));
    await until(() => begun[0]?.length === 5);
    await run.cancel();
    const counts = { total: 10, succeeded: 2, failed: 2, cancelled: 6 };
    expect((await run.settled()).result).toEqual(counts);
    const next = await killed(first);
    expect(await next.manager.get(run.id)).toMatchObject({ status: 'cancelled', result: counts });
    expect((await next.failures(run.id)).map(({ index }) => index)).toEqual([0, 2]);
  });

  it('ends with its counts where its process is killed before it has ended', async () => {
    handler = (n) => (n >= 4 ? new Promise(() => undefined) : n);
    const first = await live(undefined, 1);
    const run = await first.start(ndjson(10));
    await until(() => begun[0]?.length === 5);
    expect((await run.cancel())?.status).toBe('cancelling');
    const next = await killed(first);
    expect(await next.manager.handle(run.id).settled()).toMatchObject({
      status: 'cancelled',
      result: { total: 10, succeeded: 4, failed: 0, cancelled: 6 },
    });
    await next.failures(run.id);
    await until(() => next.stored().length === 0);
  });

  it('while it waits to go on ends with its counts', async () => {
    handler = (n, ctx) => (n >= 4 ? never(ctx) : n);
    const first = await live(undefined, 1);
    const run = await first.start(ndjson(10));
    await until(() => begun[0]?.length === 5);
    await first.manager.queues.pause('default');
    const next = await killed(first);
    expect(await next.manager.cancel(run.id)).toMatchObject({
      status: 'cancelled',
      result: { total: 10, succeeded: 4, cancelled: 6 },
    });
  });
});

describe('the files of imports', () => {
  it('stay as long as they are needed, over restarts, and no longer', async () => {
    handler = (n) => (n === 1 ? Promise.reject(new Error('bad')) : n);
    const first = await live();
    const done = await first.start(ndjson(3));
    await done.settled();
    await first.manager.queues.pause('default');
    await first.start(ndjson(3));
    await until(() => first.stored().length === 2);
    const image = first.killed(join(await newFolder(), 'image'));
    const [storeFolder = ''] = readdirSync(join(image, 'files'));
    await writeFile(join(image, 'files', storeFolder, '0'.repeat(32)), 'half of a body');
    const next = await live(image);
    expect((await next.failures(done.id)).map(({ index }) => index)).toEqual([1]);
    expect(next.stored().sort()).toEqual(first.stored().sort());
  });

  it('take up the room that they took before', async () => {
    const first = await live();
    await first.manager.queues.pause('default');
    await first.start(ndjson(100));
    const next = await live(first.killed(join(await newFolder(), 'image')), 5, 800);
    await expect(next.start(ndjson(100))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await next.manager.queues.resume('default');
    // The file goes after its run has ended, and its room after that.
    let again: Awaited<ReturnType<typeof next.start>> | undefined;
    await until(async () => (again = await next.start(ndjson(100)).catch(() => undefined)) !== undefined);
    expect((await again?.settled())?.status).toBe('completed');
  });

  it('take it up once, however often their folder could not be read before', async () => {
    const first = await live();
    await first.manager.queues.pause('default');
    await first.start(ndjson(100));
    const image = first.killed(join(await newFolder(), 'image'));
    const [storeFolder = ''] = readdirSync(join(image, 'files'));
    const inTheWay = join(image, 'files', storeFolder);
    await rename(inTheWay, join(image, 'aside'));
    await writeFile(inTheWay, 'no folder');
    const next = await live(image, 5, 1_200);
    for (let tries = 0; tries < 3; tries += 1)
      await expect(next.imports.open()).rejects.toMatchObject({ code: 'BACKEND' });
    await rm(inTheWay);
    await rename(join(image, 'aside'), inTheWay);
    await next.start(ndjson(100));
    expect((await next.manager.counts()).total.queued).toBe(2);
  });
});
