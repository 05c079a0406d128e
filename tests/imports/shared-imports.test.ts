import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { importRuns, type ImportRuns } from '../../src/imports/import-runs.js';
import { stateOf } from '../../src/imports/import-state.js';
import { SharedImportFiles } from '../../src/imports/shared-import-files.js';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { managerCore, TaskManager } from '../../src/manager/task-manager.js';
import type { TaskContext } from '../../src/task/task-context.js';
import { defineTask } from '../../src/task/task.js';
import { FakeClock } from '../fake-clock.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';
import { SharedPlace } from './two-processes.js';

const STORE = 'abc123';
const LIMITS = { maxBytes: 1_000, maxSpoolBytes: 10_000, maxFailuresBytes: 1_000 };
let place: SharedPlace;
let clock: FakeClock;
let warned: string[];
let handler: (item: number, ctx: TaskContext) => unknown;
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
const newFolder = temporaryFolders();

beforeEach(() => {
  place = new SharedPlace(STORE);
  clock = new FakeClock();
  warned = [];
  handler = () => undefined;
});

interface Process {
  readonly manager: TaskManager;
  readonly imports: ImportRuns;
}

function live(folder: string, options: ManagerOptions & { readonly mayBeShared?: boolean } = {}): Process {
  const { mayBeShared = true, ...rest } = options;
  const task = defineTask({ name: 'item', handler: (item: number, ctx) => handler(item, ctx) });
  const log = (_: object, message: string): void => void warned.push(message);
  const logger = { debug: () => undefined, info: () => undefined, warn: log, error: log };
  const manager = new TaskManager({ tasks: [task], backend: place.door(), clock, logger, ...rest });
  const files = fileFolder({ folder, mayBeShared });
  const imports = importRuns({ manager, files });
  ends.push(async () => {
    const closing = manager.close({ graceMs: 0 });
    await clock.run(1_000);
    await closing;
    await files.close();
  });
  return { manager, imports };
}

/** Accepts, and handles nothing. */
const api = (folder: string, options = {}): Process => live(folder, { work: false, ...options });

const start = ({ imports }: Process, body = '1\n2\n3\n') =>
  imports.start('item', { format: 'ndjson', body: Readable.from([Buffer.from(body)]) });

const filesIn = (folder: string): string[] => readdirSync(join(folder, STORE)).filter((name) => name !== 'store');

describe('imports of several processes', () => {
  it('are accepted by one and handled by another, which removes the body; failures are read by the first', async () => {
    handler = (item) => (item === 2 ? Promise.reject(new Error('bad')) : item);
    const folder = await newFolder();
    const first = api(folder);
    const run = await start(first);
    expect(filesIn(folder)).toHaveLength(1);
    await live(folder).manager.open();
    expect(await run.settled()).toMatchObject({ status: 'completed', result: { total: 3, succeeded: 2, failed: 1 } });
    await until(() => filesIn(folder).length === 1); // that of its failures
    const failures = await first.imports.failures(run.id);
    assert(failures);
    expect(await text(failures)).toMatch(/^\{"index":1,[^\n]*\n$/);
  });

  it('wait, and are not failed, while the process that works has another folder', async () => {
    const run = await start(api(await newFolder()));
    const { manager } = live(await newFolder());
    await manager.open();
    await until(() => warned.length > 0);
    expect(warned).toEqual(['Imports are refused, and left to others: their files are not at hand']);
    await clock.run(60_000);
    expect(await run.snapshot()).toMatchObject({ status: 'queued' });
    expect(warned).toHaveLength(1);
  });

  it('are tried again where only the file cannot be found', async () => {
    const folder = await newFolder();
    const run = await start(api(folder));
    for (const name of filesIn(folder)) await rm(join(folder, STORE, name));
    await live(folder).manager.open();
    await until(async () => (await run.snapshot())?.status === 'retrying');
    expect(await run.snapshot()).toMatchObject({
      error: { code: 'RETRY_LATER', message: expect.stringContaining('all processes of a fleet need the same folder') },
    });
  });

  it('are refused where nobody has named the folder, and say what to set', async () => {
    const refused = start(api(await newFolder(), { mayBeShared: false }));
    await expect(refused).rejects.toMatchObject({ code: 'BACKEND', message: expect.stringContaining('ERRAND_DATA') });
  });

  it('that are cancelled before they begin, elsewhere, leave no body', async () => {
    const folder = await newFolder();
    const run = await start(api(folder));
    const other = api(await newFolder());
    await other.manager.cancel(run.id);
    await until(() => filesIn(folder).length === 0);
  });

  it('keep their body when the process ends that has accepted them', async () => {
    const folder = await newFolder();
    const first = api(folder);
    const run = await start(first);
    const closing = first.manager.close({ graceMs: 0 });
    await clock.run(1_000);
    await closing;
    const { manager } = live(folder);
    expect(await manager.handle(run.id).settled()).toMatchObject({ status: 'completed', result: { total: 3 } });
  });

  it('go on in a copy of the failures that another process has left: it may still be writing to its own', async () => {
    const folder = await newFolder();
    const files = fileFolder({ folder });
    const { manager, imports } = api(folder);
    const run = await managerCore(manager).backend.find((await start({ manager, imports })).id);
    const state = run && stateOf(run);
    assert(run && state);
    const shared = new SharedImportFiles({ core: managerCore(manager), files, ...LIMITS });
    await shared.ready();
    const theirs = await files.append();
    await theirs.write(Buffer.from('one\ntwo\nwhat is of no account'));
    const left = { name: theirs.name, bytes: 8, omitted: 0 };
    const failures = await shared.beginFailures(run, { ...state, failures: left });
    await theirs.write(Buffer.from(' and more'));
    expect(failures.name).not.toBe(theirs.name);
    expect(await text(await failures.open())).toBe('one\ntwo\n');
    await shared.endFailures(run, failures);
    await theirs.close();
    await files.close();
  });
});
