import { randomUUID } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileFolder } from '../../../src/backends/files/file-folder.js';
import type { ManagerOptions } from '../../../src/manager/manager-options.js';
import { TaskManager } from '../../../src/manager/task-manager.js';
import type { FileStore } from '../../../src/ports/files.js';
import { defineTask } from '../../../src/task/task.js';
import { FakeClock } from '../../fake-clock.js';
import { SharedPlace } from '../../imports/two-processes.js';
import { temporaryFolders } from '../../temporary-folder.js';
import { until } from '../../until.js';
import { fileOf, filesIn, hasFiles, textOf } from './files.js';

const newFolder = temporaryFolders();
const report = defineTask({ name: 'report', handler: (input: string, ctx) => fileOf(input)(ctx) });
const DAY_S = 86_400;

let folder: string;
let place: SharedPlace;
let stores: FileStore[];
let managers: TaskManager[];

beforeEach(async () => {
  folder = await newFolder();
  place = new SharedPlace(randomUUID());
  [stores, managers] = [[], []];
});
afterEach(async () => {
  await Promise.all(managers.map((manager) => manager.close({ graceMs: 0 })));
  for (const store of stores) await store.close();
});

/** A process of a fleet. */
function member(options: ManagerOptions = {}, where = { folder, mayBeShared: true }): TaskManager {
  const files = fileFolder(where);
  stores.push(files);
  const manager = new TaskManager({ tasks: [report], backend: place.door(), files, ...options });
  managers.push(manager);
  return manager;
}

describe('a file, where several processes share the runs', () => {
  it('is stored by one and read by another', async () => {
    const server = member({ work: false });
    const worker = member();
    await worker.open();
    const run = await server.start(report, 'from the worker', { id: 'a' });
    expect(await run.result()).toMatchObject({ name: 'a.txt', bytes: 15 });
    expect(await textOf(run)).toBe('from the worker');
  });

  it('is refused in a folder that nobody has named', async () => {
    const worker = member({}, { folder, mayBeShared: false });
    const { error } = await (await worker.start(report, 'x')).settled();
    expect(error).toMatchObject({ code: 'BACKEND', message: expect.stringContaining('set ERRAND_DATA') });
  });

  it('is refused in a folder in which the files of the others are not', async () => {
    const worker = member();
    await (await worker.start(report, 'x', { id: 'a' })).result();
    const other = member({ work: false }, { folder: await newFolder(), mayBeShared: true });
    await expect(other.handle('a').file()).rejects.toMatchObject({
      code: 'BACKEND',
      details: { reason: 'NOT_SHARED' },
    });
  });

  it('goes when its record has gone, within a minute', async () => {
    const clock = new FakeClock();
    const worker = member({ clock, retention: { maxFinished: 1 } });
    await (await worker.start(report, 'old', { id: 'a' })).result();
    const run = await worker.start(report, 'new', { id: 'b' });
    await run.result();
    expect(await worker.get('a')).toBeUndefined();
    await hasFiles(folder, 2);
    await clock.run(60_000);
    await hasFiles(folder, 1);
    expect(await textOf(run)).toBe('new');
    const closing = worker.close({ graceMs: 0 });
    await clock.run(1_000);
    await closing;
  });

  it('that a killed process has left goes when it is a day old, and not before', async () => {
    const first = member();
    await (await first.start(report, 'kept', { id: 'a' })).result();
    const [kept = ''] = filesIn(folder);
    const [files] = stores;
    const label = { limitBytes: 9, label: 'zzz:gone' };
    const young = await files?.put(Readable.from(['x']), label);
    const old = await files?.put(Readable.from(['x']), label);
    for (const name of [kept, old?.name ?? '']) {
      const at = Date.now() / 1_000 - DAY_S - 60;
      await utimes(join(folder, place.storeId, name), at, at);
    }
    await member({ work: false }).open();
    await until(() => !filesIn(folder).includes(old?.name ?? ''));
    expect(filesIn(folder).sort()).toEqual([kept, young?.name].sort());
  });
});
