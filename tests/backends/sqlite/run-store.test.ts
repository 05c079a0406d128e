import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Lane, LaneGroup } from '../../../src/backends/live/lane.js';
import type { RunRecord } from '../../../src/backends/live/run-record.js';
import type { DatabaseFile } from '../../../src/backends/sqlite/database-file.js';
import { openDatabase } from '../../../src/backends/sqlite/open-database.js';
import { RunStore } from '../../../src/backends/sqlite/run-store.js';
import { StoredRecord } from '../../../src/backends/sqlite/stored-record.js';
import { newRun } from '../../../src/testing/contract/samples.js';
import { FakeClock } from '../../fake-clock.js';

let folder: string;
let database: DatabaseFile;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand store? #'));
  const options = { durability: 'process', clock: new FakeClock(), lockTimeoutMs: 0 } as const;
  database = await openDatabase({ ...options, file: join(folder, 'a file?mode=memory#1%20.db') });
});

afterEach(async () => {
  database.close();
  await rm(folder, { recursive: true });
});

const lane = new Lane(new LaneGroup<RunRecord>('run', 'task'), { name: 'default', paused: false, queued: 0, lanes: 0 });

it('leaves long inputs of runs that wait in the file, also when it takes them up again', () => {
  const store = new RunStore(database);
  for (const [ordinal, inputText] of [
    [1, '"short"'],
    [2, JSON.stringify('x'.repeat(5_000))],
    [3, null],
  ] as const)
    store.write(new StoredRecord(newRun(`r${ordinal}`), lane, { ordinal, now: 0, inputText }));
  const found = store.live(() => lane);
  expect(found.map(({ input, inputText }) => [input, inputText])).toEqual([
    ['short', '"short"'],
    [undefined, undefined],
    [undefined, null],
  ]);
  expect(store.inputOf(2)).toHaveLength(5_002);
});

it('reads neither inputs nor results of runs that are to be removed', () => {
  const store = new RunStore(database);
  const record = new StoredRecord(newRun('a'), lane, { ordinal: 1, now: 0, inputText: '1' });
  record.status = 'failed';
  record.resultText = '"long"';
  store.write(record);
  expect(store.oldest(true, 1).map(({ id, input, resultText }) => [id, input, resultText])).toEqual([
    ['a', undefined, null],
  ]);
});

it('is in the file of just that name, whatever a URI would make of it', async () => {
  expect(await readdir(folder)).toContain('a file?mode=memory#1%20.db');
});
