import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { FailuresFile, type ImportFailure } from '../../src/imports/failures-file.js';
import { FileRoom } from '../../src/imports/file-room.js';
import type { AppendableFile, FileStore } from '../../src/ports/files.js';
import { openFiles } from '../open-files.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';

const temporaryFolder = temporaryFolders();
const UNLIMITED = { room: new FileRoom(Infinity), maxBytes: Infinity };
let folder: string;
let files: FileStore;
let failures: FailuresFile;

beforeEach(async () => {
  folder = await temporaryFolder();
  files = fileFolder({ folder });
  failures = new FailuresFile(files, UNLIMITED);
});

afterEach(async () => {
  await failures.close().catch(() => undefined);
  expect(await openFiles(folder)).toEqual([]);
  await files.close();
});

function failure(index: number, item: unknown = { id: String(index) }): ImportFailure {
  return { index, line: index + 2, item, error: { code: 'INPUT_INVALID', message: 'no' }, attempts: 0 };
}

async function linesOf(file: FailuresFile): Promise<unknown[]> {
  const content = await text(await file.open());
  return content
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

describe('the failures of an import', () => {
  test('are lines of JSON in the order they were added', async () => {
    await failures.add(failure(0));
    await failures.add({ ...failure(3, null), line: null, attempts: 2 });
    expect(await text(await failures.open())).toBe(
      '{"index":0,"line":2,"item":{"id":"0"},"error":{"code":"INPUT_INVALID","message":"no"},"attempts":0}\n' +
        '{"index":3,"line":null,"item":null,"error":{"code":"INPUT_INVALID","message":"no"},"attempts":2}\n',
    );
  });

  test('make no file when there are none', async () => {
    expect(await text(await failures.open())).toBe('');
    await failures.close();
    await failures.remove();
    expect(await openFiles(folder)).toEqual([]);
  });

  test('can be read while more of them come, never half a line', async () => {
    const adding = Promise.all(
      Array.from({ length: 2_000 }, (_, index) => failures.add(failure(index, 'x'.repeat(99)))),
    );
    const early = await linesOf(failures);
    await adding;
    expect(early.length).toBeGreaterThan(0);
    expect(await linesOf(failures)).toEqual(
      Array.from({ length: 2_000 }, (_, index) => failure(index, 'x'.repeat(99))),
    );
  });

  test('are there after close, and gone after remove', async () => {
    await failures.add(failure(0));
    await failures.close();
    expect(await linesOf(failures)).toEqual([failure(0)]);
    await failures.remove();
    await failures.remove();
    const reading = failures.open();
    expect(await reading.catch((error: unknown) => error)).toMatchObject({ code: 'BACKEND' });
  });

  test('have null for an item that JSON cannot say', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const throwing = {
      toJSON() {
        throw new Error('no');
      },
    };
    for (const item of [cyclic, 1n, throwing, undefined, () => 1]) await failures.add({ ...failure(1), item });
    expect(await linesOf(failures)).toEqual(Array.from({ length: 5 }, () => failure(1, null)));
  });

  test('leave out an item whose JSON is longer than 65,536 characters, and say so', async () => {
    await failures.add(failure(0, 'x'.repeat(65_534)));
    await failures.add(failure(1, 'x'.repeat(65_535)));
    const { index, line, error, attempts } = failure(1);
    expect(await linesOf(failures)).toEqual([
      failure(0, 'x'.repeat(65_534)),
      { index, line, item: null, itemTooLarge: true, error, attempts },
    ]);
  });

  test('keep a member named __proto__ of an item', async () => {
    await failures.add(failure(1, JSON.parse('{"__proto__":"x"}')));
    expect(await text(await failures.open())).toContain('"item":{"__proto__":"x"}');
  });

  test('are read only as far as they were written whole', async () => {
    let written = 0;
    const file = new FailuresFile(
      storeThatAppends(async (bytes) => void (written += bytes)),
      UNLIMITED,
    );
    await file.add(failure(0, 'é'));
    expect(await text(await file.open())).toBe(JSON.stringify({ length: written }));
    expect(written).toBe(Buffer.byteLength(JSON.stringify(failure(0, 'é'))) + 1);
  });

  describe('with limits', () => {
    const lineBytes = JSON.stringify(failure(0)).length + 1;

    test('keep as many bytes as they may, and count those that they leave out', async () => {
      const room = new FileRoom(Infinity);
      const limited = new FailuresFile(files, { room, maxBytes: 3 * lineBytes });
      for (let index = 0; index < 5; index += 1) await limited.add(failure(index));
      expect(await linesOf(limited)).toEqual([failure(0), failure(1), failure(2)]);
      expect(limited.omitted).toBe(2);
      await limited.close();
      await limited.remove();
    });

    test('leave out all that come after the first one that was left out', async () => {
      const limited = new FailuresFile(files, { room: new FileRoom(Infinity), maxBytes: 2 * lineBytes });
      await limited.add(failure(0));
      await limited.add(failure(1, 'x'.repeat(lineBytes)));
      await limited.add(failure(2));
      expect([await linesOf(limited), limited.omitted]).toEqual([[failure(0)], 2]);
      await limited.remove();
    });

    test('share a room, and give it back when they are removed', async () => {
      const room = new FileRoom(2 * lineBytes);
      const [first, second] = [0, 1].map(() => new FailuresFile(files, { room, maxBytes: Infinity }));
      for (const file of [first, second, second]) await file?.add(failure(0));
      expect([first?.omitted, second?.omitted, room.left]).toEqual([0, 1, 0]);
      await first?.remove();
      await second?.remove();
      await second?.remove();
      expect(room.left).toBe(2 * lineBytes);
    });
  });

  describe('written to a slow store', () => {
    test('make the adding wait, batch by batch', async () => {
      const writes: { bytes: number; done: () => void }[] = [];
      const slow = new FailuresFile(
        storeThatAppends((bytes) => new Promise((done) => writes.push({ bytes, done }))),
        UNLIMITED,
      );
      const item = 'x'.repeat(1_000);
      const added: number[] = [];
      const adding = (async () => {
        for (let index = 0; index < 200; index += 1) added.push((await slow.add(failure(index, item)), index));
      })();
      await until(() => writes.length > 0);
      const before = added.length;
      await new Promise((resolve) => setImmediate(resolve));
      expect(added).toHaveLength(before);
      expect(before).toBeLessThan(70);
      await until(() => {
        writes.splice(0).forEach(({ done }) => done());
        return added.length === 200;
      });
      await adding;
    });
  });

  describe('written to a store that fails', () => {
    test('are refused from then on, and nothing is written behind half a line', async () => {
      let writes = 0;
      const broken = new FailuresFile(
        storeThatAppends(() => ((writes += 1), Promise.reject(new Error('there is no space left')))),
        UNLIMITED,
      );
      await broken.add(failure(0));
      for (const work of [() => broken.flush(), () => broken.flush(), () => broken.open(), () => broken.close()]) {
        expect(await work().catch((error: unknown) => (error as Error).message)).toBe('there is no space left');
      }
      expect(writes).toBe(1);
    });

    test('are still there as far as they had been stored before', async () => {
      let room = 1;
      const full = new FailuresFile(
        storeThatAppends(async () => {
          if ((room -= 1) < 0) throw new Error('there is no space left');
        }),
        UNLIMITED,
      );
      await full.add(failure(0));
      const stored = await text(await full.open());
      await full.add(failure(1));
      expect(await full.flush().catch((error: unknown) => (error as Error).message)).toBe('there is no space left');
      expect(await text(await full.open())).toBe(stored);
    });
  });
});

/** A store whose files do nothing but what the test says when they are written to. */
function storeThatAppends(write: (bytes: number) => Promise<void>): FileStore {
  const done = () => Promise.resolve();
  const file: AppendableFile = { name: 'f', write: (bytes) => write(bytes.length), sync: done, close: done };
  return {
    belongTo: done,
    removeUnused: done,
    labelled: () => Promise.resolve([]),
    put: () => Promise.reject(new Error('not here')),
    append: () => Promise.resolve(file),
    open: (_name, range) => Promise.resolve(Readable.from([JSON.stringify(range)])),
    remove: () => Promise.resolve(),
    sweep: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
