import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileFolder } from '../../../src/backends/files/file-folder.js';
import type { FileStore } from '../../../src/ports/files.js';
import { temporaryFolders } from '../../temporary-folder.js';

const STORE = 'cf7a2c1e-0b1d-4d7e-9a52-3f1f0c6c2d11';
const OWNER = { storeId: STORE, shared: true };
const NO_LIMIT = { limitBytes: Infinity };
const NONE: ReadonlySet<string> = new Set();
const DAY_S = 86_400;

let opened: FileStore[];
let folder: string;

beforeEach(() => {
  opened = [];
});
afterEach(async () => {
  for (const files of opened) await files.close();
});
const newFolder = temporaryFolders();
beforeEach(async () => {
  folder = join(await newFolder(), 'files');
});

/** What a process has. */
function process(mayBeShared = true): FileStore {
  const files = fileFolder({ folder, mayBeShared });
  opened.push(files);
  return files;
}

const put = async (files: FileStore): Promise<string> => (await files.put(Readable.from(['x']), NO_LIMIT)).name;
const stored = async (): Promise<string[]> => (await readdir(join(folder, STORE))).sort();

async function age(name: string, seconds: number): Promise<void> {
  const at = Date.now() / 1_000 - seconds;
  await utimes(join(folder, STORE, name), at, at);
}

describe('a folder that several processes share', () => {
  it('is marked with the store by the first, and the others see its files', async () => {
    const [first, second] = [process(), process()];
    await Promise.all([first.belongTo(OWNER, NONE), second.belongTo(OWNER, NONE)]);
    expect(await readFile(join(folder, STORE, 'store'), 'utf8')).toBe(`${STORE}\n`);
    const name = await put(first);
    (await second.open(name)).destroy();
    expect(await stored()).toEqual([name, 'store'].sort());
  });

  it('keeps what another process has just stored and no run names yet; what is older than a day goes', async () => {
    const first = process();
    await first.belongTo(OWNER, NONE);
    const [young, old, oldButNamed] = [await put(first), await put(first), await put(first)];
    await age(young, DAY_S - 60);
    await age(old, DAY_S + 60);
    await age(oldButNamed, 2 * DAY_S);
    await age('store', 2 * DAY_S);
    const third = process();
    await third.belongTo(OWNER, new Set([oldButNamed]));
    await third.removeUnused(new Set([oldButNamed]));
    expect(await stored()).toEqual([young, oldButNamed, 'store'].sort());
  });

  it('is none where files that runs name should be in it, and there is no mark', async () => {
    const refused = process().belongTo(OWNER, new Set(['a'.repeat(32)]));
    await expect(refused).rejects.toMatchObject({ code: 'BACKEND', details: { reason: 'NOT_SHARED', storeId: STORE } });
    await expect(refused).rejects.toThrow(/set ERRAND_DATA to the same folder in each process/);
    await expect(readdir(join(folder, STORE))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is none with the mark of another store', async () => {
    await mkdir(join(folder, STORE), { recursive: true });
    await writeFile(join(folder, STORE, 'store'), 'fedcba\n');
    await expect(process().belongTo(OWNER, NONE)).rejects.toMatchObject({ details: { reason: 'NOT_SHARED' } });
  });

  it('is none that nobody has named', async () => {
    const refused = process(false).belongTo(OWNER, NONE);
    await expect(refused).rejects.toMatchObject({ code: 'BACKEND', details: { reason: 'NOT_SHARED' } });
    await expect(refused).rejects.toThrow(/set ERRAND_DATA to one, the same in each process/);
    await process(false).belongTo({ ...OWNER, shared: false }, NONE);
  });

  it('can be asked for again when it could not be used', async () => {
    await writeFile(folder, 'in the way');
    const files = process();
    await expect(files.belongTo(OWNER, NONE)).rejects.toMatchObject({ code: 'BACKEND' });
    folder = join(folder, '..', 'other');
    await process().belongTo(OWNER, NONE);
  });
});
