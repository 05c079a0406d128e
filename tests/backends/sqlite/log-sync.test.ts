import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { fstatSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogSync } from '../../../src/backends/sqlite/log-sync.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-sync-'));
  path = join(folder, 'errand.db-wal');
  await writeFile(path, 'log');
});

afterEach(() => rm(folder, { recursive: true }));

it('calls back, not at once, when the disk has the log', async () => {
  const log = new LogSync(path);
  const order: string[] = [];
  const synced = new Promise((resolve) => log.later(resolve)).then((error) => order.push(String(error)));
  order.push('asked');
  await synced;
  expect(order).toEqual(['asked', 'null']);
  log.now();
  log.close();
});

it('keeps the file open until the last sync has answered: its number may be that of another file by then', () => {
  let number = 0;
  const asked: ((error: Error | null) => void)[] = [];
  const later = (file: number, done: (typeof asked)[0]): void => {
    number = file;
    asked.push(done);
  };
  const log = new LogSync(path, { later, now: () => undefined });
  const errors: unknown[] = [];
  for (let sync = 0; sync < 2; sync += 1) log.later((error) => errors.push(error));
  log.close();
  asked.shift()?.(new Error('EIO'));
  expect(fstatSync(number).size).toBe(3);
  asked.shift()?.(null);
  expect(() => fstatSync(number)).toThrow('EBADF');
  expect(errors).toEqual([new Error('EIO'), null]);
});

it('is not made for a log that is not there', () => {
  expect(() => new LogSync(join(folder, 'none'))).toThrow('ENOENT');
});
