import { createReadStream } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fileFolder } from '../../../src/backends/files/file-folder.js';
import { importRuns } from '../../../src/imports/import-runs.js';
import type { ManagerOptions } from '../../../src/manager/manager-options.js';
import { TaskManager } from '../../../src/manager/task-manager.js';
import type { FileStore } from '../../../src/ports/files.js';
import { TaskError } from '../../../src/task/errors.js';
import type { FileResult, FileSource } from '../../../src/task/file-result.js';
import { defineTask } from '../../../src/task/task.js';
import type { TaskContext } from '../../../src/task/task-context.js';
import { openFiles } from '../../open-files.js';
import { temporaryFolders } from '../../temporary-folder.js';
import { until } from '../../until.js';
import { fileOf, filesIn, hasFiles, stuck, textOf } from './files.js';

const newFolder = temporaryFolders();
const nothing = (): void => undefined;
const warn = jest.fn();

let folder: string;
let store: FileStore;
let manager: TaskManager;

beforeEach(async () => {
  folder = await newFolder();
  store = fileFolder({ folder });
  manager = managerWith({});
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await store.close();
  warn.mockClear();
});

function managerWith(options: ManagerOptions): TaskManager {
  const logger = { debug: nothing, info: nothing, warn, error: nothing };
  return new TaskManager({ files: store, logger, ...options });
}

/** What `ctx.file` rejects with in a run of its own. */
async function refusalOf(...args: Parameters<TaskContext['file']>): Promise<Error> {
  const run = await manager.start('refused', (ctx) => ctx.file(...args).then(nothing, (error: unknown) => error));
  return (await run.result()) as Error;
}

describe('a file', () => {
  it('is the result of its run: plain data, and the bytes behind it', async () => {
    const run = await manager.start('report', (ctx) =>
      ctx.file('Übersicht.txt', 'all is well', { type: 'text/plain' }),
    );
    const result = await run.result();
    expect(result).toEqual({ file: expect.any(String), name: 'Übersicht.txt', type: 'text/plain', bytes: 11 });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(filesIn(folder)).toEqual([result.file]);
    const { stream, ...rest } = await run.file();
    expect(rest).toEqual({ name: 'Übersicht.txt', type: 'text/plain', bytes: 11 });
    stream.destroy();
    expect(await textOf(manager.handle('report'))).toBe('all is well');
  });

  it.each<[string, () => FileSource]>([
    ['text', () => 'bytes'],
    ['bytes', () => Buffer.from('bytes')],
    ['a stream', () => Readable.from([Buffer.from('by'), 'tes'])],
    ['a stream that is written to', () => new PassThrough().end('bytes')],
    ['a file', () => createReadStream(join(folder, 'in'))],
    [
      'a generator',
      async function* () {
        yield 'by';
        yield await Promise.resolve(Buffer.from('tes'));
      },
    ],
    ['a web stream', () => new Blob(['bytes']).stream()],
  ])('comes from %s', async (_, source) => {
    await writeFile(join(folder, 'in'), 'bytes');
    const run = await manager.start('source', (ctx) => ctx.file('a', source()));
    expect(await run.result()).toMatchObject({ type: 'application/octet-stream', bytes: 5 });
    expect(await textOf(run)).toBe('bytes');
  });

  it('may be empty', async () => {
    const run = await manager.start('empty', (ctx) => ctx.file('nothing', ''));
    expect(await run.result()).toMatchObject({ bytes: 0 });
    expect(await textOf(run)).toBe('');
  });

  it('of two runs that store at once is each its own', async () => {
    const runs = await Promise.all(['one', 'two'].map((text) => manager.start(text, fileOf(text))));
    expect(await Promise.all(runs.map(textOf))).toEqual(['one', 'two']);
  });

  it('is kept where a cancelled run has returned it', async () => {
    let stored = nothing;
    const isStored = new Promise<void>((resolve) => (stored = resolve));
    const run = await manager.start('cancelled', async (ctx) => {
      const file = await ctx.file('so-far.txt', 'so far');
      stored();
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
      return file;
    });
    await isStored;
    await run.cancel();
    expect(await run.settled()).toMatchObject({ status: 'cancelled', result: { name: 'so-far.txt' } });
    expect(await textOf(run)).toBe('so far');
  });

  it('lives in the temporary files where nobody has named a store, and goes with the manager', async () => {
    const before = new Set(await readdir(tmpdir()));
    const other = new TaskManager();
    const run = await other.start('temporary', fileOf('text'));
    expect(await textOf(run)).toBe('text');
    const mine = (await readdir(tmpdir())).filter((name) => !before.has(name) && name.startsWith(`${process.pid}.`));
    expect(mine).toHaveLength(1);
    await other.close();
    expect((await readdir(tmpdir())).filter((name) => mine.includes(name))).toEqual([]);
  });

  it('leaves no handle open', async () => {
    const run = await manager.start('handles', fileOf('text'));
    await textOf(run);
    (await run.file()).stream.destroy();
    await until(async () => (await openFiles(folder)).length === 0);
  });
});

describe('what is no file', () => {
  it('is not opened', async () => {
    const run = await manager.start('plain', () => ({ file: '../../etc/passwd', name: 'a', type: 'a/b', bytes: 1 }));
    await expect(run.file()).rejects.toMatchObject({ code: 'RESULT_INVALID' });
    await expect(manager.handle('unknown').file()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    const failed = await manager.start('failed', () => Promise.reject(new Error('no')));
    await expect(failed.file()).rejects.toMatchObject({ code: 'HANDLER_FAILED' });
  });

  it('may look like one: there is nothing behind it, and nothing of it becomes a path', async () => {
    const file = `${'0'.repeat(32)}.${Buffer.from('../../x').toString('base64url')}`;
    const run = await manager.start('forged', () => ({ file, name: 'a', type: 'a/b', bytes: 1 }));
    await expect(run.file()).rejects.toMatchObject({ code: 'BACKEND', details: { reason: 'ENOENT' } });
  });
});

describe('a file that its run does not return', () => {
  it.each<[string, (ctx: TaskContext, file: FileResult) => unknown]>([
    [
      'fails',
      () => {
        throw new Error('after all');
      },
    ],
    ['returns something else', () => 'done'],
    ['returns it inside something else', (_, file) => ({ report: file })],
    ['returns another one', (ctx) => ctx.file('b', 'b')],
  ])('is removed when it %s', async (_, then) => {
    const run = await manager.start('without', async (ctx) => then(ctx, await ctx.file('a', 'a')));
    const { status, result } = await run.settled();
    const left = typeof result === 'object' && result !== null && 'file' in result ? [result.file] : [];
    await until(() => filesIn(folder).join() === left.join());
    const told = warn.mock.calls.filter(([, message]) => String(message).includes('nothing around it'));
    expect(told).toHaveLength(status === 'completed' ? 1 : 0);
  });

  it('is removed when the next attempt begins, and the file of that one stays', async () => {
    const task = defineTask({
      name: 'again',
      retry: { maxAttempts: 2, initialDelayMs: 0 },
      handler: async (_, ctx) => {
        const file = await ctx.file('a', `attempt ${ctx.attempt}`);
        if (ctx.attempt === 1) throw new Error('once more');
        return file;
      },
    });
    const run = await manager.start(task);
    expect(await textOf(run)).toBe('attempt 2');
    await hasFiles(folder, 1);
  });

  it('is removed though it was still being stored when the handler returned', async () => {
    const source = new PassThrough();
    const run = await manager.start('hasty', (ctx) => {
      source.write('half');
      void ctx.file('a', source);
    });
    await run.result();
    await until(() => source.destroyed);
    await hasFiles(folder, 0);
  });

  it('cannot be stored any more when the attempt has ended', async () => {
    let late: TaskContext['file'] = () => Promise.reject(new Error('not yet'));
    const run = await manager.start('late', ({ file }) => void (late = file));
    await run.result();
    await expect(late('a', 'a')).rejects.toMatchObject({ code: 'RUN_CONFLICT' });
    expect(filesIn(folder)).toEqual([]);
  });
});

describe('a file that is being stored', () => {
  it.each<[string, (begun: () => void) => FileSource]>([
    ['a generator that is stuck', stuck],
    [
      'a stream',
      (begun) =>
        new Readable({
          read() {
            this.push('half');
            setImmediate(begun);
            this.read = nothing as never;
          },
        }),
    ],
  ])('ends with the cancel of its run: nothing is left of %s', async (_, source) => {
    let begun = nothing;
    const storing = new Promise<void>((resolve) => (begun = resolve));
    let given: unknown;
    const run = await manager.start('cancelled', (ctx) => {
      const from = source(begun);
      given = from;
      return ctx.file('a', from);
    });
    await storing;
    await hasFiles(folder, 1);
    await run.cancel('enough');
    expect(await run.settled()).toMatchObject({ status: 'cancelled', abandoned: false, cancelReason: 'enough' });
    await hasFiles(folder, 0);
    if (given instanceof Readable) expect(given.destroyed).toBe(true);
    expect(await openFiles(folder)).toEqual([]);
  });

  it('ends with the time limit of its run, with that as the reason', async () => {
    const task = defineTask({
      name: 'slow',
      limits: { softLimitMs: 20 },
      handler: (_, ctx) => ctx.file('a', stuck(nothing)),
    });
    const run = await manager.start(task);
    await expect(run.result()).rejects.toMatchObject({ code: 'TIME_LIMIT' });
    await hasFiles(folder, 0);
  });

  it('leaves nothing behind where its source fails, and the error is the source’s own', async () => {
    const broken = new Error('the disk of somebody else');
    expect(
      await refusalOf(
        'a',
        Readable.from(
          (async function* () {
            yield await Promise.resolve('a');
            throw broken;
          })(),
        ),
      ),
    ).toBe(broken);
    const stream = new PassThrough();
    stream.destroy(broken);
    expect(await refusalOf('a', stream)).toBe(broken);
    await hasFiles(folder, 0);
  });

  it('may be as long as it is told, and no longer: that is not tried again', async () => {
    let attempts = 0;
    const source = new PassThrough();
    const task = defineTask({
      name: 'long',
      retry: { maxAttempts: 3, initialDelayMs: 0 },
      handler: (_, ctx) => {
        attempts += 1;
        source.write('12345');
        return ctx.file('a.bin', source, { limitBytes: 4 });
      },
    });
    const { error } = await (await manager.start(task)).settled();
    expect(error).toMatchObject({ code: 'RESULT_INVALID', message: expect.stringContaining('larger than 4 bytes') });
    expect([attempts, source.destroyed]).toEqual([1, true]);
    expect(await textOf(await manager.start('fits', (ctx) => ctx.file('a', '1234', { limitBytes: 4 })))).toBe('1234');
    await hasFiles(folder, 1);
  });

  it('tells of a disk that refuses, and the run may be tried again', async () => {
    const full = { ...asObject(store), put: () => Promise.reject(new TaskError('BACKEND', 'there is no space left')) };
    const other = managerWith({ files: full });
    const run = await other.start('full', (ctx) => ctx.file('a', 'a'));
    expect(await run.settled()).toMatchObject({ status: 'failed', error: { code: 'BACKEND' } });
    await other.close();
  });
});

describe('what ctx.file takes', () => {
  it.each([
    '',
    '.',
    '..',
    'a/b',
    'a\\b',
    '../x',
    'a\u0000',
    'a\r\nX: y',
    'a\u202egpj.exe',
    'a\u2028b',
    '\ud800',
    'x'.repeat(256),
  ])('is no name such as %j', async (name) => {
    expect((await refusalOf(name, 'a')).message).toMatch(/a file's name must be 1 to 255 characters/);
  });

  it.each(['', 'pdf', 'a/b/c', 'text/html\r\nX: y', 'a/b;', 'a/b; c', 'a/ä', `a/${'b'.repeat(254)}`])(
    'is no type such as %j',
    async (type) => {
      expect((await refusalOf('a', 'a', { type })).message).toMatch(/type must be a media type/);
    },
  );

  it('is a type with parameters', async () => {
    const type = 'text/csv; charset=utf-8; header="a, b"';
    const run = await manager.start('typed', (ctx) => ctx.file('a', 'a', { type }));
    expect(await run.result()).toMatchObject({ type });
  });

  it('is a source of bytes or text', async () => {
    for (const wrong of [null, undefined, 1, {}, new ArrayBuffer(1), ['a']])
      expect(await refusalOf('a', wrong as never)).toMatchObject({ name: 'TypeError' });
    const objects = Readable.from([{ a: 1 }]) as FileSource;
    expect(await refusalOf('a', objects)).toMatchObject({ name: 'TypeError' });
    expect(
      await refusalOf(
        'a',
        (async function* () {
          yield await Promise.resolve(null);
        })() as never,
      ),
    ).toMatchObject({ name: 'TypeError' });
    expect(await refusalOf('a', 'a', { limit: 1 } as never)).toMatchObject({ name: 'TypeError' });
    expect(await refusalOf('a', 'a', { limitBytes: -1 })).toMatchObject({ name: 'RangeError' });
    expect(filesIn(folder)).toEqual([]);
  });

  it('destroys the source that it refuses', async () => {
    const source = new PassThrough();
    await refusalOf('', source);
    expect(source.destroyed).toBe(true);
  });
});

describe('the record of a run', () => {
  it('takes its file with it', async () => {
    const other = managerWith({ retention: { maxFinished: 1 } });
    await (await other.start('first', fileOf('first'))).result();
    expect(filesIn(folder)).toHaveLength(1);
    const second = await other.start('second', fileOf('second'));
    await second.result();
    await hasFiles(folder, 1);
    expect(await textOf(second)).toBe('second');
    await other.close();
  });

  it('that is replaced under its id takes its file with it', async () => {
    await (await manager.start('same', fileOf('old'))).result();
    const run = await manager.start('same', fileOf('new'));
    expect(await textOf(run)).toBe('new');
    await hasFiles(folder, 1);
  });
});

describe('a store', () => {
  it('is shared by imports and results of one manager', async () => {
    const seen: unknown[] = [];
    const items = defineTask({
      name: 'items',
      handler: (_: unknown, ctx) => ctx.file('a', 'a').catch((error: unknown) => void seen.push(error)),
    });
    const other = managerWith({ tasks: [items] });
    const imports = importRuns({ manager: other });
    const result = await other.start('result', fileOf('mine'));
    const run = await imports.start('items', { format: 'ndjson', body: Readable.from([Buffer.from('1\n')]) });
    expect(await run.result()).toMatchObject({ total: 1 });
    expect(seen).toEqual([expect.objectContaining({ code: 'NON_RETRYABLE' })]);
    expect(await textOf(result)).toBe('mine');
    await other.close();
  });

  it('has to be one', () => {
    expect(() => new TaskManager({ files: { folder } as never })).toThrow(/files must be a store of files/);
    expect(() => importRuns({ manager: new TaskManager() })).toThrow(/importRuns needs files/);
  });
});

/** The methods of a store, for a test to put others in their place. */
function asObject(files: FileStore): FileStore {
  return {
    belongTo: (owner, inUse) => files.belongTo(owner, inUse),
    removeUnused: (inUse) => files.removeUnused(inUse),
    labelled: (unchangedForMs) => files.labelled(unchangedForMs),
    put: (source, options) => files.put(source, options),
    append: (name, options) => files.append(name, options),
    open: (name, range) => files.open(name, range),
    remove: (name) => files.remove(name),
    sweep: () => files.sweep(),
    close: () => files.close(),
  };
}
