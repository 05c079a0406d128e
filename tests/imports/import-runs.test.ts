import { readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { memoryBackend } from '../../src/backends/memory/memory-backend.js';
import { defaultImports } from '../../src/imports/default-imports.js';
import type { ImportOptions, ImportRequest } from '../../src/imports/import-options.js';
import { importRuns, type ImportRuns } from '../../src/imports/import-runs.js';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { Backend } from '../../src/ports/backend.js';
import type { AppendableFile, FileStore } from '../../src/ports/files.js';
import { RetryLaterError, unconfirmedRunOf, unconfirmedStart } from '../../src/task/errors.js';
import { defineTask } from '../../src/task/task.js';
import type { TaskContext } from '../../src/task/task-context.js';
import type { StandardSchema } from '../../src/task/standard-schema.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';

interface Item {
  readonly n: number;
}

/** Takes `{ n: number }`, refuses everything else. */
const itemSchema: StandardSchema<Item> = {
  '~standard': {
    version: 1,
    vendor: 'tests',
    validate: (value) => {
      const n: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'n') : undefined;
      return typeof n === 'number' ? { value: { n } } : { issues: [{ message: 'expected a number', path: ['n'] }] };
    },
  },
};

type Handler = (input: Item, ctx: TaskContext) => unknown;

const newFolder = temporaryFolders();

let folder: string;
let files: FileStore;
let manager: TaskManager;
let imports: ImportRuns;
let handler: Handler;

function set(
  options: ManagerOptions & { limits?: object; retry?: object } = {},
  imported: Partial<ImportOptions> = {},
): void {
  const { limits = {}, retry, ...rest } = options;
  const task = defineTask({
    name: 'item',
    input: itemSchema,
    limits,
    ...(retry && { retry: { maxAttempts: 1, ...retry } }),
    handler: (input, ctx) => handler(input, ctx),
  });
  manager = new TaskManager({ tasks: [task], ...rest });
  imports = importRuns({ manager, files, ...imported });
}

function ndjson(items: readonly unknown[]): Readable {
  return Readable.from(items.map((item) => Buffer.from(`${JSON.stringify(item)}\n`)));
}

function numbers(count: number): { n: number }[] {
  return Array.from({ length: count }, (_, n) => ({ n }));
}

function start(items: readonly unknown[], request: Partial<ImportRequest> = {}) {
  return imports.start('item', { format: 'ndjson', body: ndjson(items), ...request });
}

async function failuresOf(id: string): Promise<unknown[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await imports.failures(id)) ?? []) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString();
  return text === ''
    ? []
    : text
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
}

/** Failures stand in the order in which they happened. */
function byIndex(a: unknown, b: unknown): number {
  return (a as { index: number }).index - (b as { index: number }).index;
}

/** The names of all files in the store's folder. */
function stored(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

/** Ends when the signal aborts, as a good handler does. */
function untilAborted(ctx: TaskContext): Promise<never> {
  return new Promise((_, reject) => {
    ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error), { once: true });
  });
}

beforeEach(async () => {
  folder = await newFolder();
  files = fileFolder({ folder });
  handler = () => undefined;
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await files.close();
});

describe('an import', () => {
  it('is a run of the kind import, of the task, in its queue and with its priority', async () => {
    set();
    manager.register(defineTask({ name: 'rows', queue: 'imports', priority: 7, handler: () => undefined }));
    const run = await imports.start('rows', { format: 'ndjson', body: ndjson(numbers(2)) });
    expect(await run.snapshot()).toMatchObject({ kind: 'import', task: 'rows', queue: 'imports', priority: 7 });
    expect(await run.result()).toEqual({ total: 2, succeeded: 2, failed: 0, cancelled: 0 });
  });

  it('counts every record, and tells of each that failed with its line', async () => {
    set();
    handler = ({ n }) => {
      if (n === 3) throw new RangeError('a secret of the handler');
    };
    const body = '{"n":0}\n\n{"n":"no number"}\n{broken\n{"n":3}\n{"n":4}\n';
    const run = await imports.start('item', { format: 'ndjson', body: Readable.from([Buffer.from(body)]) });
    expect(await run.result()).toEqual({ total: 5, succeeded: 2, failed: 3, cancelled: 0 });
    expect((await run.settled()).progress).toEqual({ done: 5, total: 5, note: null });
    const failures = await failuresOf(run.id);
    expect(failures.sort(byIndex)).toEqual([
      expect.objectContaining({ index: 1, line: 3, item: { n: 'no number' }, attempts: 1 }),
      expect.objectContaining({ index: 2, line: 4, item: null }),
      {
        index: 3,
        line: 5,
        item: { n: 3 },
        error: { code: 'HANDLER_FAILED', message: 'The handler failed' },
        attempts: 1,
      },
    ]);
  });

  it('reads the sample of the repository with two records that fail', async () => {
    set();
    const task = defineTask({
      name: 'rows',
      handler: (row: unknown) => {
        const price = Reflect.get(row as object, 'Variant Price') as string;
        if (Reflect.get(row as object, 'Handle') === '' || Number.isNaN(Number(price))) throw new Error('bad row');
      },
    });
    manager.register(task);
    const sample = await readFile(new URL('../../src/examples/data/products.csv', import.meta.url));
    const run = await imports.start('rows', { format: 'csv', body: Readable.from([sample]) });
    expect(await run.result()).toEqual({ total: 57, succeeded: 55, failed: 2, cancelled: 0 });
    expect(await failuresOf(run.id)).toMatchObject([
      { index: 21, line: 30 },
      { index: 37, line: 52 },
    ]);
  });

  it('tries a record as often as the task says, and gives each attempt its number', async () => {
    set({ retry: { maxAttempts: 3, initialDelayMs: 0 } });
    const attempts: number[] = [];
    handler = (_input, ctx) => {
      attempts.push(ctx.attempt);
      if (attempts.length === 1) throw new RetryLaterError(0);
      if (ctx.attempt < 3) throw new Error('not yet');
    };
    const run = await start(numbers(1));
    expect(await run.result()).toMatchObject({ succeeded: 1, failed: 0 });
    expect(attempts).toEqual([1, 1, 2, 3]);
  });

  it('gives its items the id of its run, their index, and keys that differ', async () => {
    set();
    const seen: { id: string; index: number | null; key: string }[] = [];
    handler = (_input, ctx) => seen.push({ id: ctx.runId, index: ctx.itemIndex, key: ctx.idempotencyKey });
    const run = await start(numbers(3));
    await run.settled();
    expect(seen.map(({ id }) => id)).toEqual([run.id, run.id, run.id]);
    expect(seen.map(({ index }) => index).sort()).toEqual([0, 1, 2]);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(3);
  });

  it('whose file has no usable header fails as a whole, with INPUT_INVALID', async () => {
    set();
    const run = await start([], { format: 'csv', body: Readable.from([Buffer.from('a,a\n1,2\n')]) });
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'INPUT_INVALID', exposed: true } });
  });

  it('of nothing completes with nothing', async () => {
    set();
    expect(await (await start([])).result()).toEqual({ total: 0, succeeded: 0, failed: 0, cancelled: 0 });
  });

  it('of an unknown task is refused before its body is read', async () => {
    set();
    const body = ndjson(numbers(1));
    await expect(imports.start('other', { format: 'ndjson', body })).rejects.toMatchObject({ code: 'TASK_UNKNOWN' });
    expect(body.readableDidRead).toBe(false);
  });

  it('with a body that is too long is refused, and nothing of it is kept', async () => {
    set({}, { maxBytes: 10 });
    await expect(start(numbers(3))).rejects.toMatchObject({ name: 'FileTooLargeError', limitBytes: 10 });
    expect(stored()).toEqual([]);
  });
});

describe('a manager', () => {
  it('has imports once, and keeps those that it has', async () => {
    set();
    expect(() => importRuns({ manager, files })).toThrow('has imports already');
    expect(defaultImports(manager)).toBe(imports);
    expect(await (await start(numbers(1))).result()).toMatchObject({ succeeded: 1 });
  });

  it('that nobody gave imports gets the same ones each time', async () => {
    set();
    const other = new TaskManager();
    const first = defaultImports(other);
    expect(defaultImports(other)).toBe(first);
    await other.close();
  });
});

describe('slots', () => {
  it('an item takes a slot of its task, as a run does', async () => {
    set({ limits: { concurrency: 2 } });
    let atWork = 0;
    let most = 0;
    handler = async () => {
      most = Math.max(most, (atWork += 1));
      await new Promise(setImmediate);
      atWork -= 1;
    };
    const run = await start(numbers(40));
    const runs = await Promise.all(numbers(40).map((input) => manager.startNamed('item', input)));
    expect(await run.result()).toMatchObject({ succeeded: 40 });
    await Promise.all(runs.map((each) => each.result()));
    expect(most).toBe(2);
  });

  it('runs of the task go on beside an import that could take all slots, and the other way round', async () => {
    set({ concurrency: 1 });
    const order: string[] = [];
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    handler = async (_input, ctx) => {
      order.push(ctx.itemIndex === null ? 'run' : 'item');
      await gate;
      await new Promise(setImmediate);
    };
    const run = await start(numbers(30));
    await until(() => order.length === 1);
    const runs = await Promise.all(numbers(30).map((input) => manager.startNamed('item', input)));
    open();
    await Promise.all([run.settled(), ...runs.map((each) => each.settled())]);
    const items = order.slice(0, 30).filter((what) => what === 'item');
    expect(items.length).toBeGreaterThan(10);
    expect(items.length).toBeLessThan(20);
  });

  it('two imports both move', async () => {
    set({}, { maxConcurrent: 1, batchSize: 5 });
    const order: string[] = [];
    handler = async (_input, ctx) => {
      order.push(ctx.runId);
      await new Promise(setImmediate);
    };
    const [first, second] = await Promise.all([start(numbers(200)), start(numbers(200))]);
    await Promise.all([first.settled(), second.settled()]);
    expect(new Set(order.slice(0, 200)).size).toBe(2);
  });

  it('an item that passes its hard limit has failed, and keeps its slot until its handler settles', async () => {
    set({ limits: { concurrency: 1, hardLimitMs: 20 } });
    let release = (): void => undefined;
    handler = ({ n }) => (n === 0 ? new Promise<void>((resolve) => (release = resolve)) : undefined);
    const run = await start(numbers(2));
    await until(async () => (await manager.counts()).abandoned === 1);
    expect((await run.snapshot())?.status).toBe('running');
    release();
    expect(await run.result()).toEqual({ total: 2, succeeded: 1, failed: 1, cancelled: 0 });
    expect(await failuresOf(run.id)).toMatchObject([{ index: 0, error: { code: 'TIME_LIMIT' } }]);
    expect(await manager.counts()).toMatchObject({ atWork: 0, abandoned: 0 });
  });
});

describe('an attempt at a record', () => {
  it('does not begin before the handler of the one before has settled', async () => {
    set({ limits: { hardLimitMs: 20 }, retry: { maxAttempts: 4, initialDelayMs: 0 } });
    let atWork = 0;
    let most = 0;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    handler = async ({ n }, ctx) => {
      if (n === 0) {
        most = Math.max(most, (atWork += 1));
        if (ctx.attempt === 1) await gate;
        atWork -= 1;
      } else if (ctx.attempt < 4) throw new Error('not yet');
      else release();
    };
    const run = await start([{ n: 0 }]);
    await until(async () => (await manager.counts()).abandoned === 1);
    // What the other one does four times, this one could have done once.
    const other = await start([{ n: 1 }]);
    expect(await other.result()).toMatchObject({ succeeded: 1 });
    expect(await run.result()).toMatchObject({ succeeded: 1 });
    expect(most).toBe(1);
  });
});

describe('a cancelled import', () => {
  it('keeps exact counts: what was done, what failed, what was left', async () => {
    set();
    handler = ({ n }, ctx) => {
      if (n === 2) throw new Error('bad');
      return n < 10 ? undefined : untilAborted(ctx);
    };
    const run = await start(numbers(1000));
    await until(async () => (await manager.counts()).atWork === 5);
    expect((await run.cancel('enough'))?.status).toBe('cancelling');
    expect(await run.settled()).toMatchObject({
      status: 'cancelled',
      cancelReason: 'enough',
      abandoned: false,
      result: { total: 1000, succeeded: 9, failed: 1, cancelled: 990 },
    });
    expect(await failuresOf(run.id)).toMatchObject([{ index: 2 }]);
  });

  it('tells its items who cancelled and why', async () => {
    set();
    const reasons: unknown[] = [];
    handler = async (_input, ctx) => {
      await untilAborted(ctx).catch((error: unknown) => reasons.push(error));
    };
    const run = await start(numbers(1));
    await until(async () => (await manager.counts()).atWork === 1);
    await run.cancel({ reason: 'wrong file', by: 'operator' });
    await run.settled();
    expect(reasons).toMatchObject([{ name: 'CancelledError', by: 'operator', reason: 'wrong file' }]);
  });

  it('does not wait longer than the grace for a handler that ignores its signal, and keeps its slot taken', async () => {
    set({ graceMs: 10 });
    let release = (): void => undefined;
    handler = () => new Promise<void>((resolve) => (release = resolve));
    const run = await start(numbers(1));
    await until(async () => (await manager.counts()).atWork === 1);
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', result: { total: 1, cancelled: 1 } });
    expect(await manager.counts()).toMatchObject({ atWork: 1, abandoned: 1 });
    release();
    await until(async () => (await manager.counts()).atWork === 0);
  });

  it('that had not begun never reads its file', async () => {
    set();
    await manager.queues.pause('default');
    const run = await start(numbers(3));
    expect((await run.cancel())?.status).toBe('cancelled');
    expect((await run.settled()).result).toBeUndefined();
    await until(() => stored().length === 0);
  });
});

describe('files', () => {
  it('that killed processes have left are removed before the first import comes', async () => {
    const left = join(folder, '4194305.1.00000000'); // no pid is as high
    await mkdir(left);
    await writeFile(join(left, '0'.repeat(32)), 'x');
    set();
    await until(() => readdirSync(folder).length === 0);
  });

  it('the body is removed when the import has completed, and failures stay as long as its record', async () => {
    set({ retention: { maxFinished: 1 } });
    handler = () => {
      throw new Error('bad');
    };
    const run = await start(numbers(3));
    await run.settled();
    await until(() => stored().length === 1);
    expect(await failuresOf(run.id)).toHaveLength(3);
    await (await start([])).settled();
    await until(() => stored().length === 0);
    expect(await imports.failures(run.id)).toBeUndefined();
  });

  it('the body is removed also when the backend tells of the end before it tells of the start', async () => {
    const backend: Backend = memoryBackend();
    const accept = backend.accept.bind(backend);
    backend.accept = async (...start) => {
      const accepted = await accept(...start);
      await new Promise<void>((resolve) => backend.watch(accepted.run, 'free', () => resolve()));
      return accepted;
    };
    set({ backend });
    await (await start([])).settled();
    await until(() => stored().length === 0);
  });

  it('the body stays where nobody knows whether the import was accepted, until that has ended', async () => {
    const backend: Backend = memoryBackend();
    const accept = backend.accept.bind(backend);
    backend.accept = async (...start) => {
      const { run } = await accept(...start);
      throw unconfirmedStart(run.id, new Error('EIO'));
    };
    set({ backend });
    await manager.queues.pause('default');
    const error: unknown = await start(numbers(3)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'BACKEND', details: { accepted: 'unknown' } });
    expect(stored()).toHaveLength(1);
    await manager.queues.resume('default');
    const run = manager.handle(unconfirmedRunOf(error) ?? '');
    expect(await run.result()).toMatchObject({ total: 3, succeeded: 3 });
    await until(() => stored().length === 0);
  });

  it('the body is removed when the import has failed', async () => {
    set();
    const run = await start([], { format: 'csv', body: Readable.from([Buffer.from('a,a\n')]) });
    await run.settled();
    await until(() => stored().length === 0);
  });

  it('the body is removed when the start is refused', async () => {
    set({ queueLimit: 1 });
    await manager.queues.pause('default');
    await manager.startNamed('item', { n: 1 });
    await expect(start(numbers(3))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(stored()).toEqual([]);
  });
});

describe('where failures can no longer be stored', () => {
  /** A store like the test's own, but for what the test replaces of the files that grow. */
  function breaking(replaced: (file: AppendableFile) => Partial<AppendableFile>): FileStore {
    return {
      belongTo: (store, inUse) => files.belongTo(store, inUse),
      removeUnused: (inUse) => files.removeUnused(inUse),
      labelled: () => files.labelled(),
      put: (source, options) => files.put(source, options),
      open: (name, range) => files.open(name, range),
      remove: (name) => files.remove(name),
      sweep: () => files.sweep(),
      close: () => files.close(),
      append: async () => {
        const file = await files.append();
        const rest = {
          write: (bytes: Uint8Array) => file.write(bytes),
          sync: () => file.sync(),
          close: () => file.close(),
        };
        return { name: file.name, ...rest, ...replaced(file) };
      },
    };
  }

  function withRoomFor(writes: number): FileStore {
    return breaking((file) => ({
      write: (bytes) => ((writes -= 1) < 0 ? Promise.reject(new Error('no space left')) : file.write(bytes)),
    }));
  }

  it('an import fails with the counts until then, and keeps the failures that had been stored', async () => {
    set({}, { files: withRoomFor(1), maxConcurrent: 1 });
    handler = async ({ n }, ctx) => {
      if (n === 1) await until(async () => (await failuresOf(ctx.runId)).length === 1);
      if (n !== 1) throw new Error('bad');
    };
    const run = await start(numbers(3));
    const { status, error } = await run.settled();
    expect([status, error?.code]).toEqual(['failed', 'BACKEND']);
    expect(error?.message).toContain('Until then 1 of its 3 records had succeeded and 2 had failed');
    expect(await failuresOf(run.id)).toHaveLength(1);
  });

  it('a cancelled import keeps its counts', async () => {
    set({}, { files: withRoomFor(0) });
    handler = ({ n }, ctx) => {
      if (n === 0) throw new Error('bad');
      return untilAborted(ctx);
    };
    const run = await start(numbers(10));
    await until(async () => (await run.snapshot())?.progress?.done === 1);
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', result: { total: 10, failed: 1, cancelled: 9 } });
  });

  it('an import whose file only cannot be closed completes, and the log tells of it', async () => {
    const error = jest.fn();
    const nothing = (): void => undefined;
    const logger = { debug: nothing, info: nothing, warn: nothing, error };
    const close = (file: AppendableFile) => file.close().then(() => Promise.reject(new Error('not closed')));
    set({ logger }, { files: breaking((file) => ({ close: () => close(file) })) });
    handler = () => Promise.reject(new Error('bad'));
    const run = await start(numbers(2));
    expect(await run.result()).toEqual({ total: 2, succeeded: 0, failed: 2, cancelled: 0 });
    expect(error).toHaveBeenCalledWith(expect.objectContaining({ runId: run.id }), expect.stringContaining('closed'));
    expect(await failuresOf(run.id)).toHaveLength(2);
  });
});

describe('close', () => {
  it('ends an import that is at work as RUN_INTERRUPTED, and its items with it', async () => {
    set();
    handler = (_input, ctx) => untilAborted(ctx);
    const run = await start(numbers(10));
    await until(async () => (await manager.counts()).atWork === 5);
    expect(await manager.close({ graceMs: 0 })).toMatchObject({ interrupted: 1, abandoned: 0 });
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'RUN_INTERRUPTED' } });
  });

  it('counts items that ignore their signal as left behind', async () => {
    set();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    handler = () => gate;
    await start(numbers(10));
    await until(async () => (await manager.counts()).atWork === 5);
    expect(await manager.close({ graceMs: 0 })).toMatchObject({ interrupted: 1, abandoned: 5 });
    release();
    await until(async () => (await manager.counts()).atWork === 0);
    expect(await manager.counts()).toMatchObject({ abandoned: 0 });
  });

  it('refuses imports from then on, before their bodies are read', async () => {
    set();
    await manager.close();
    const body = ndjson(numbers(1));
    await expect(start([], { body })).rejects.toMatchObject({ code: 'MANAGER_CLOSED' });
    expect(body.readableDidRead).toBe(false);
  });
});
