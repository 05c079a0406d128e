import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { chmod, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { fileFolder } from '../../../src/backends/files/file-folder.js';
import type { FileStore } from '../../../src/ports/files.js';
import { openFiles } from '../../open-files.js';
import { temporaryFolders } from '../../temporary-folder.js';
import { until } from '../../until.js';

const temporaryFolder = temporaryFolders();
const NO_LIMIT = { limitBytes: Infinity };
const UNKNOWN = '0'.repeat(32);

let parent: string;
let folder: string;
let files: FileStore;

beforeEach(async () => {
  parent = await temporaryFolder();
  folder = join(parent, 'deep', 'files');
  files = fileFolder({ folder });
});

afterEach(async () => {
  await files.close();
  expect(await openFiles(parent)).toEqual([]);
});

/** Every file in the folder, of any process. */
async function stored(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

async function failureOf(work: Promise<unknown>): Promise<Error & { code?: unknown }> {
  return work.then(
    () => new Error('nothing failed'),
    (error: unknown) => error as Error,
  );
}

describe('a folder of files', () => {
  test('is not made before its first file', async () => {
    await files.remove(UNKNOWN);
    expect(await readdir(parent)).toEqual([]);
  });

  test('is open to this user only, and so are its files', async () => {
    const { name } = await files.put(Readable.from(['x']), NO_LIMIT);
    const [own = ''] = await readdir(folder);
    const modes = await Promise.all(
      [folder, join(folder, own), join(folder, own, name)].map(async (path) => (await stat(path)).mode & 0o777),
    );
    expect(modes).toEqual([0o700, 0o700, 0o600]);
  });

  test('refuses options it does not know', () => {
    expect(() => fileFolder({ folder: '' })).toThrow(TypeError);
    expect(() => fileFolder({ folder, mode: 1 } as never)).toThrow('mode');
  });

  test('is made again when something has tidied it away', async () => {
    await files.put(Readable.from(['x']), NO_LIMIT);
    await rm(parent, { recursive: true });
    const { name } = await files.put(Readable.from(['y']), NO_LIMIT);
    expect(await text(await files.open(name))).toBe('y');
  });

  test('is swept of what killed processes have left, before its first file and without being made', async () => {
    await files.sweep();
    expect(await readdir(parent)).toEqual([]);
    const left = join(folder, '4194305.1.00000000'); // no pid is as high
    await mkdir(left, { recursive: true });
    await writeFile(join(left, UNKNOWN), 'x');
    const next = fileFolder({ folder });
    await next.sweep();
    expect(await readdir(folder)).toEqual([]);
    await next.close();
  });

  describe('names', () => {
    test.each(['', '../x', '/etc/passwd', 'a/b', '..', `${UNKNOWN}/..`, `${UNKNOWN}\n`, UNKNOWN.toUpperCase() + 'A'])(
      'that no store makes are refused: %j',
      async (name) => {
        for (const work of [files.open(name), files.append(name), files.remove(name)]) {
          expect((await failureOf(work)).name).toBe('RangeError');
        }
      },
    );
  });

  describe('put', () => {
    test('stores the bytes of a stream and says how many', async () => {
      const content = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
      const { name, bytes } = await files.put(Readable.from([content.subarray(0, 99), content.subarray(99)]), NO_LIMIT);
      expect(bytes).toBe(content.length);
      expect((await buffer(await files.open(name))).equals(content)).toBe(true);
    });

    test('takes exactly the limit and refuses one byte more, keeping nothing and leaving the source open', async () => {
      expect(await files.put(Readable.from(['12345']), { limitBytes: 5 })).toMatchObject({ bytes: 5 });
      const source = new PassThrough();
      source.write('123');
      source.write('456');
      const error = await failureOf(files.put(source, { limitBytes: 5 }));
      expect(error).toMatchObject({ name: 'FileTooLargeError', limitBytes: 5 });
      expect(source.destroyed).toBe(false);
      expect(await stored()).toHaveLength(1);
    });

    test('refuses a limit that is no number of bytes', async () => {
      expect((await failureOf(files.put(Readable.from([]), { limitBytes: -1 }))).name).toBe('RangeError');
    });

    test('of a source that fails rejects with its error and keeps nothing', async () => {
      const source = new PassThrough();
      source.write('half');
      const putting = failureOf(files.put(source, NO_LIMIT));
      const failure = new Error('broken pipe');
      source.destroy(failure);
      expect(await putting).toBe(failure);
      expect(await stored()).toEqual([]);
    });

    test('of a client that goes away in the middle of its request keeps nothing', async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const client = request({ port, method: 'POST', headers: { 'content-length': 1_000 } });
      client.on('error', () => undefined);
      client.write('half');
      const [incoming] = (await once(server, 'request')) as [IncomingMessage];
      const putting = failureOf(files.put(incoming, NO_LIMIT));
      client.destroy();
      expect((await putting).message).toBe('aborted');
      expect(await stored()).toEqual([]);
      server.close();
    });

    test('ends with the reason of its signal, destroying the source and keeping nothing', async () => {
      const source = new PassThrough();
      source.write('half');
      const abort = new AbortController();
      const putting = failureOf(files.put(source, { ...NO_LIMIT, signal: abort.signal }));
      const reason = new Error('enough');
      abort.abort(reason);
      expect(await putting).toBe(reason);
      expect(source.destroyed).toBe(true);
      expect(await failureOf(files.put(new PassThrough(), { ...NO_LIMIT, signal: abort.signal }))).toBe(reason);
      expect(await stored()).toEqual([]);
    });

    test('takes no more of the source than it has written', async () => {
      let given = 0;
      const source = Readable.from(
        (function* () {
          for (; given < 100; given += 1) yield Buffer.alloc(1_000);
        })(),
        { highWaterMark: 1 },
      );
      await failureOf(files.put(source, { limitBytes: 3_000 }));
      expect(given).toBeLessThan(10);
      source.destroy();
    });
  });

  describe('append', () => {
    test('makes a file that grows, readable as far as it was written', async () => {
      const file = await files.append();
      await Promise.all([file.write(Buffer.from('one ')), file.write(Buffer.from('two '))]);
      expect(await text(await files.open(file.name))).toBe('one two ');
      await file.write(Buffer.from('three'));
      await file.close();
      await file.close();
      expect(await text(await files.open(file.name))).toBe('one two three');
    });

    test('goes on at the end of a file that is there', async () => {
      const { name } = await files.put(Readable.from(['one']), NO_LIMIT);
      const file = await files.append(name);
      await file.write(Buffer.from(' two'));
      await file.close();
      expect(await text(await files.open(name))).toBe('one two');
    });

    test('to a file that is not there, or after close, is refused', async () => {
      expect(await failureOf(files.append(UNKNOWN))).toMatchObject({ code: 'BACKEND' });
      const file = await files.append();
      await file.close();
      expect(await failureOf(file.write(Buffer.from('x')))).toMatchObject({ code: 'BACKEND' });
    });
  });

  describe('open', () => {
    test('reads from an offset, at most as much as is asked for', async () => {
      const { name } = await files.put(Readable.from(['0123456789']), NO_LIMIT);
      const read = async (range: object): Promise<string> => text(await files.open(name, range));
      expect(await read({ offset: 7 })).toBe('789');
      expect(await read({ offset: 2, length: 3 })).toBe('234');
      expect(await read({ length: 100 })).toBe('0123456789');
      expect(await read({ offset: 10 })).toBe('');
      expect(await read({ offset: 3, length: 0 })).toBe('');
      expect(await failureOf(files.open(name, { offset: -1 }))).toMatchObject({ name: 'RangeError' });
    });

    test('gives the handle back when the stream is destroyed', async () => {
      const { name } = await files.put(Readable.from(['x']), NO_LIMIT);
      const reader = await files.open(name);
      const closed = once(reader, 'close');
      reader.destroy();
      await closed;
      expect(await openFiles(parent)).toEqual([]);
    });

    test('of a file that is not there is refused in words without a path', async () => {
      const error = await failureOf(files.open(UNKNOWN));
      expect(error).toMatchObject({ code: 'BACKEND', message: 'The file could not be read: the file is not there' });
    });
  });

  describe('remove', () => {
    test('removes a file, and again does nothing', async () => {
      const { name } = await files.put(Readable.from(['x']), NO_LIMIT);
      await files.remove(name);
      await files.remove(name);
      expect(await stored()).toEqual([]);
      expect(await failureOf(files.open(name))).toMatchObject({ code: 'BACKEND' });
    });

    test('lets a stream that is reading the file go on', async () => {
      const { name } = await files.put(Readable.from(['x'.repeat(200_000)]), NO_LIMIT);
      const reader = await files.open(name);
      await files.remove(name);
      expect(await text(reader)).toHaveLength(200_000);
    });
  });

  describe('close', () => {
    test('ends streams, writers and waits, gives every handle back and removes its files', async () => {
      const { name } = await files.put(Readable.from(['x']), NO_LIMIT);
      const reader = await files.open(name);
      const writer = await files.append();
      const putting = failureOf(files.put(new PassThrough(), NO_LIMIT));
      const writing = writer.write(Buffer.from('x'));
      await until(async () => (await openFiles(parent)).length >= 3);
      await Promise.all([files.close(), files.close()]);
      await writing;
      expect(reader.destroyed).toBe(true);
      expect((await putting).message).toBe('The wait for the file was given up');
      expect(await openFiles(parent)).toEqual([]);
      expect(await readdir(folder)).toEqual([]);
    });

    test('refuses what comes after it, and what was on its way', async () => {
      const { name } = await files.put(Readable.from(['x']), NO_LIMIT);
      const opening = failureOf(files.open(name));
      const appending = failureOf(files.append());
      await files.close();
      expect(await opening).toMatchObject({ code: 'BACKEND' });
      expect(await appending).toMatchObject({ code: 'BACKEND' });
      expect(await failureOf(files.put(Readable.from(['x']), NO_LIMIT))).toMatchObject({ code: 'BACKEND' });
      expect(await readdir(folder)).toEqual([]);
    });

    test('leaves the files of another store in the same folder alone', async () => {
      const other = fileFolder({ folder });
      const { name } = await other.put(Readable.from(['x']), NO_LIMIT);
      await files.put(Readable.from(['y']), NO_LIMIT);
      await files.close();
      expect(await text(await other.open(name))).toBe('x');
      await other.close();
    });
  });

  describe('a folder that cannot be used', () => {
    test('is told in words without its path', async () => {
      const file = join(parent, 'file');
      await writeFile(file, '');
      const broken = fileFolder({ folder: join(file, 'below') });
      const error = await failureOf(broken.put(Readable.from(['x']), NO_LIMIT));
      expect(error).toMatchObject({ code: 'BACKEND', details: { reason: 'ENOTDIR' } });
      expect(error.message).toBe('The file could not be stored: the folder is not a folder');
      await broken.close();
    });

    const isRoot = process.getuid?.() === 0;
    (isRoot ? test.skip : test)('because nobody may write to it is told, and works once it is put right', async () => {
      await mkdir(folder, { recursive: true });
      await chmod(folder, 0o500);
      const error = await failureOf(files.put(Readable.from(['x']), NO_LIMIT));
      expect(error).toMatchObject({ code: 'BACKEND', details: { reason: 'EACCES' } });
      await chmod(folder, 0o700);
      expect(await files.put(Readable.from(['x']), NO_LIMIT)).toMatchObject({ bytes: 1 });
    });

    test('because the disk is full is told, and leaves no handle open', async () => {
      const { name } = await files.put(Readable.from([]), NO_LIMIT);
      const [own = ''] = await readdir(folder);
      await rm(join(folder, own, name));
      await symlink('/dev/full', join(folder, own, name));
      const file = await files.append(name);
      const error = await failureOf(file.write(Buffer.from('x')));
      expect(error).toMatchObject({ code: 'BACKEND', details: { reason: 'ENOSPC' } });
      expect(error.message).toBe('The file could not be written: there is no space left');
      await file.close();
    });
  });
});

describe('files that belong to a store of runs', () => {
  const STORE = '0123456789abcdef';
  const OWNER = { storeId: STORE, shared: false };

  /** Another process on the same folder. */
  async function next(...inUse: readonly string[]): Promise<FileStore> {
    await files.close();
    files = fileFolder({ folder });
    await files.belongTo(OWNER, new Set(inUse));
    await files.removeUnused(new Set(inUse));
    return files;
  }

  beforeEach(() => files.belongTo(OWNER, new Set()));

  test('outlive the process, as far as they are in use', async () => {
    const kept = await files.put(Readable.from(['kept']), NO_LIMIT);
    const grown = await files.append();
    await grown.write(Buffer.from('grown'));
    await grown.sync();
    await files.put(Readable.from(['left']), NO_LIMIT);
    const after = await next(kept.name, grown.name);
    expect((await stored()).sort()).toEqual([kept.name, grown.name].sort());
    expect(await text(await after.open(kept.name))).toBe('kept');
    expect(await text(await after.open(grown.name))).toBe('grown');
  });

  test('say what they are for, where they were given a label, and are then left to whoever knows it', async () => {
    const label = `1z:${'ü/..:'.repeat(26)}`;
    const { name } = await files.put(Readable.from(['x']), { ...NO_LIMIT, label });
    await files.put(Readable.from(['y']), NO_LIMIT);
    expect(name).toMatch(/^[0-9a-f]{32}\.[0-9A-Za-z_-]+$/);
    const after = await next();
    expect(await after.labelled()).toEqual([{ name, label }]);
    expect(await after.labelled(60_000)).toEqual([]);
    expect(await text(await after.open(name))).toBe('x');
    await after.remove(name);
    expect(await after.labelled()).toEqual([]);
  });

  test('have no label that is empty or too long', async () => {
    for (const label of ['', 'ü'.repeat(81)])
      expect((await failureOf(files.put(Readable.from(['x']), { ...NO_LIMIT, label }))).name).toBe('RangeError');
    await expect(readdir(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('are in a folder of its name, which no other process takes for a dead one of its own', async () => {
    const { name } = await files.put(Readable.from(['x']), NO_LIMIT);
    const other = fileFolder({ folder });
    await other.sweep();
    expect(await readdir(join(folder, STORE))).toEqual([name]);
    await other.close();
  });

  test('are gone on with where somebody left off, without what stands behind', async () => {
    const file = await files.append();
    await file.write(Buffer.from('good and bad'));
    const after = await next(file.name);
    const again = await after.append(file.name, { keepBytes: 4 });
    await again.write(Buffer.from(', too'));
    expect(await text(await after.open(file.name))).toBe('good, too');
  });

  test('that are shorter than they were left are refused', async () => {
    const { name } = await files.put(Readable.from(['short']), NO_LIMIT);
    const error = await failureOf(files.append(name, { keepBytes: 6 }));
    expect([error.code, error.message]).toEqual([
      'BACKEND',
      'The file could not be opened: the file is shorter than it was left',
    ]);
    expect((await failureOf(files.append(name, { keepBytes: -1 }))).name).toBe('RangeError');
  });

  test('are on the disk when they are stored, and those that are not stored whole leave nothing', async () => {
    const failing = new PassThrough();
    failing.write('half');
    failing.destroy(new Error('the client left'));
    expect((await failureOf(files.put(failing, NO_LIMIT))).message).toBe('the client left');
    expect(await stored()).toEqual([]);
  });

  test('belong to one store, whose name is no path', async () => {
    expect((await failureOf(files.belongTo({ ...OWNER, storeId: 'another' }, new Set()))).message).toContain(
      'a store of files of its own',
    );
    const fresh = fileFolder({ folder });
    for (const id of ['..', 'a/b', '', 'A', '-a']) {
      expect((await failureOf(fresh.belongTo({ ...OWNER, storeId: id }, new Set()))).name).toBe('RangeError');
    }
    await fresh.put(Readable.from(['x']), NO_LIMIT);
    expect((await failureOf(fresh.belongTo(OWNER, new Set()))).message).toContain('a store of files of its own');
    await fresh.close();
  });
});
