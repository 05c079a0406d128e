import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { ImportFormat, ImportRecord } from '../../src/imports/import-record.js';
import { countFrames, readRecords } from '../../src/imports/records.js';
import { collectGarbage } from '../collect-garbage.js';
import { openFiles } from '../open-files.js';
import { temporaryFolders } from '../temporary-folder.js';
import { readAll, streamOf } from './read-all.js';

const temporaryFolder = temporaryFolders();

/** How a file of each format is written, record by record. */
const WRITERS: Readonly<Record<ImportFormat, { head: string; record: (index: number) => string; tail: string }>> = {
  csv: { head: 'id,name\n', record: (index) => `${index},"thing, no ${index}"\n`, tail: '' },
  ndjson: { head: '', record: (index) => `{"id":${index}}\n`, tail: '' },
  json: { head: '[', record: (index) => `${index === 0 ? '' : ','}{"id":${index}}`, tail: ']' },
};
const FORMATS: ImportFormat[] = ['csv', 'ndjson', 'json'];

function contentOf(format: ImportFormat, count: number): string {
  const { head, record, tail } = WRITERS[format];
  return head + Array.from({ length: count }, (_, index) => record(index)).join('') + tail;
}

/** A file without end, and how many chunks of it were taken. */
function endless(format: ImportFormat): { source: Readable; taken: () => number } {
  const { head, record } = WRITERS[format];
  let chunks = 0;
  const source = Readable.from(
    (function* () {
      yield Buffer.from(head + record(0));
      for (chunks = 1; ; chunks += 1) yield Buffer.from(record(chunks).repeat(100));
    })(),
  );
  return { source, taken: () => chunks };
}

/** What buffers hold, but for those that nobody needs any more. */
function bytesKept(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

async function readToEnd(records: AsyncIterable<ImportRecord>): Promise<number> {
  let count = 0;
  for await (const { index } of records) count = index + 1;
  return count;
}

describe.each(FORMATS)('records of %s', (format) => {
  test('come in the order of the file with indexes from 0, and are counted alike', async () => {
    const records = await readAll(format, contentOf(format, 3_000), 10_000);
    expect(records.map(({ index }) => index)).toEqual(Array.from({ length: 3_000 }, (_, index) => index));
    expect(records.map(({ item }) => Number((item as { id: unknown }).id))).toEqual(records.map(({ index }) => index));
    expect(await countFrames(streamOf(contentOf(format, 3_000), 10_000), format)).toBe(3_000);
  });

  test('are taken from the source only as they are asked for', async () => {
    const { source, taken } = endless(format);
    const records = readRecords(source, format);
    for (let index = 0; index < 150; index += 1) await records.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken()).toBeLessThan(100);
    await records.return?.();
  });

  test('left early, also before the first, leave the source destroyed', async () => {
    for (const asked of [0, 1, 50]) {
      const { source } = endless(format);
      const records = readRecords(source, format);
      for (let index = 0; index < asked; index += 1) await records.next();
      await records.return?.();
      expect(source.destroyed).toBe(true);
      expect(await records.next()).toEqual({ done: true, value: undefined });
    }
  });

  test('end with the error of the source', async () => {
    const source = new PassThrough();
    source.write(contentOf(format, 2));
    const records = readRecords(source, format);
    await records.next();
    const failure = new Error('the disk is gone');
    source.destroy(failure);
    expect(await readToEnd(records).catch((error: unknown) => error)).toBe(failure);
  });

  test('of a file give its handle back, read to the end or not', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'file');
    await writeFile(path, contentOf(format, 20_000));
    for (const limit of [5, Infinity]) {
      const source = createReadStream(path);
      const closed = once(source, 'close');
      for await (const { index } of readRecords(source, format)) if (index >= limit) break;
      await closed;
      expect(await openFiles(folder)).toEqual([]);
    }
  });

  test('of a large chunk leave turns of the event loop to others', async () => {
    const source = Readable.from([Buffer.from(contentOf(format, 200_000))]);
    let turns = 0;
    let reading = true;
    const count = (): void => {
      turns += 1;
      if (reading) setImmediate(count);
    };
    setImmediate(count);
    expect(await readToEnd(readRecords(source, format))).toBe(200_000);
    reading = false;
    expect(turns).toBeGreaterThan(3);
  });
});

test('many small records of one piece leave turns of the event loop to others too', async () => {
  let turns = 0;
  let reading = true;
  const count = (): void => {
    turns += 1;
    if (reading) setImmediate(count);
  };
  const records = readRecords(Readable.from([Buffer.from('a\n' + '1\n'.repeat(32_000))]), 'csv');
  await records.next(); // from here on there is nothing left to be read from the source
  setImmediate(count);
  await readToEnd(records);
  reading = false;
  expect(turns).toBeGreaterThan(0);
});

test('a source of text instead of bytes is refused', async () => {
  const reading = countFrames(Readable.from(['text']), 'csv');
  expect(await reading.catch((error: unknown) => String(error))).toMatch(/TypeError: .*stream of bytes/);
});

test.each<[ImportFormat, string]>([
  ['csv', 'id\n"'],
  ['ndjson', '{"id":"'],
  ['json', '[{"id":"'],
])('a record of %s that never ends takes no more memory than the largest one allowed', async (format, head) => {
  const kept: number[] = [];
  const source = Readable.from(
    (function* () {
      yield Buffer.from(head);
      for (let chunks = 0; chunks < 1_024; chunks += 1) {
        if (chunks % 256 === 0) kept.push(bytesKept());
        yield Buffer.alloc(65_536, 'x');
      }
      kept.push(bytesKept());
    })(),
  );
  const records = readRecords(source, format);
  expect((await records.next()).value).toMatchObject({ index: 0, error: { code: 'INPUT_INVALID' } });
  expect(kept).toHaveLength(5);
  expect(Math.max(...kept) - Number(kept[0])).toBeLessThan(16_000_000);
  expect((await records.next()).done).toBe(true);
});
