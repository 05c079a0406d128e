import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { countRecords } from '../../src/imports/count-records.js';
import { readRecords } from '../../src/imports/records.js';
import type { FileStore } from '../../src/ports/files.js';
import { openFiles } from '../open-files.js';
import { temporaryFolders } from '../temporary-folder.js';

const SAMPLE = join(import.meta.dirname, '../../src/examples/data/products.csv');
const temporaryFolder = temporaryFolders();
let folder: string;
let files: FileStore;

beforeEach(async () => {
  folder = await temporaryFolder();
  files = fileFolder({ folder });
});
afterEach(() => files.close());

async function stored(source: Readable): Promise<string> {
  const { name } = await files.put(source, { limitBytes: Infinity });
  return name;
}

describe('the count of records', () => {
  test('includes good and bad ones', async () => {
    const name = await stored(Readable.from(['a,b\n1,2\n\n"x"y,2\n3\n"4\n']));
    expect(await countRecords(files, { name, format: 'csv' })).toBe(4);
  });

  test('of a file that cannot be imported is refused as reading it is', async () => {
    const name = await stored(Readable.from(['a,a\n']));
    const counting = countRecords(files, { name, format: 'csv' });
    expect(await counting.catch((error: unknown) => error)).toMatchObject({ code: 'INPUT_INVALID' });
    expect(await openFiles(folder)).toEqual([]);
  });
});

describe('the sample', () => {
  test('has 57 records, of which the two that its README names are wrong', async () => {
    const wrong: [number, number | null][] = [];
    let count = 0;
    for await (const record of readRecords(createReadStream(SAMPLE), 'csv')) {
      count += 1;
      if (record.error !== undefined) throw record.error;
      const item = record.item as Record<string, string>;
      const isWrong = item['Handle'] === '' || Number.isNaN(Number(item['Variant Price']));
      if (isWrong) wrong.push([record.index, record.line]);
    }
    expect(count).toBe(57);
    expect(wrong).toEqual([
      [21, 30],
      [37, 52],
    ]);
    const name = await stored(createReadStream(SAMPLE));
    expect(await countRecords(files, { name, format: 'csv' })).toBe(57);
  });
});
