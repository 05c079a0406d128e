import { readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import type { ImportOptions } from '../../src/imports/import-options.js';
import { importRuns, type ImportRuns } from '../../src/imports/import-runs.js';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { FileStore } from '../../src/ports/files.js';
import { defineTask } from '../../src/task/task.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';

const refusing = defineTask({ name: 'refusing', handler: () => Promise.reject(new Error('no')) });
const newFolder = temporaryFolders();

let folder: string;
let files: FileStore;
let manager: TaskManager;
let imports: ImportRuns;

beforeEach(async () => {
  folder = await newFolder();
  files = fileFolder({ folder });
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await files.close();
});

function set(limits: Partial<ImportOptions>, options: ManagerOptions = {}): void {
  manager = new TaskManager({ tasks: [refusing], ...options });
  imports = importRuns({ manager, files, ...limits });
}

/** Lines of ten bytes. */
function bodyOf(lines: number): Readable {
  return Readable.from(Array.from({ length: lines }, () => Buffer.from('"1234567"\n')));
}

function start(lines: number) {
  return imports.start('refusing', { format: 'ndjson', body: bodyOf(lines) });
}

function stored(): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

async function failuresOf(id: string): Promise<unknown[]> {
  const lines = (await text((await imports.failures(id)) ?? Readable.from([]))).split('\n');
  return lines.slice(0, -1).map((line): unknown => JSON.parse(line));
}

describe('the bodies of imports', () => {
  beforeEach(async () => {
    set({ maxBytes: 100, maxSpoolBytes: 200 });
    await manager.queues.pause('default');
  });

  it('are refused when they no longer fit beside those of imports that have not ended, and leave nothing behind', async () => {
    const run = await start(6);
    await expect(start(5)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(stored()).toHaveLength(1);
    await run.cancel();
    await until(() => stored().length === 0);
    await start(10);
    expect(stored()).toHaveLength(1);
  });

  it('that fail or are refused give back the room they took', async () => {
    const failing = new Readable({
      read() {
        this.push(Buffer.alloc(90));
        this.destroy(new Error('the client has left'));
      },
    });
    for (const body of [failing, bodyOf(11)]) {
      await expect(imports.start('refusing', { format: 'ndjson', body })).rejects.toThrow();
    }
    await expect(imports.start('refusing', { format: 'ndjson', body: bodyOf(9), tags: ['a b'] })).rejects.toThrow();
    await start(10);
  });

  it('that are said to be longer than there is room are not read', async () => {
    await start(6);
    const body = bodyOf(5);
    const starting = imports.start('refusing', { format: 'ndjson', body, expectedBytes: 50 });
    await expect(starting).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(body.readableDidRead).toBe(false);
  });
});

describe('an import', () => {
  it('is refused before its body is read when no more runs can wait', async () => {
    set({}, { queueLimit: 2 });
    await manager.queues.pause('default');
    await start(1);
    await manager.startNamed('refusing', null, { delayMs: 60_000 });
    const body = bodyOf(1);
    const starting = imports.start('refusing', { format: 'ndjson', body });
    await expect(starting).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(body.readableDidRead).toBe(false);
  });
});

describe('the failures of an import', () => {
  it('that find no room are counted in a last line', async () => {
    set({ maxFailuresBytes: 250 });
    const run = await start(10);
    expect((await run.settled()).result).toMatchObject({ total: 10, failed: 10 });
    expect(await failuresOf(run.id)).toEqual([
      expect.objectContaining({ item: '1234567' }),
      expect.objectContaining({ item: '1234567' }),
      { omitted: 8 },
    ]);
  });

  it('share one room with those of other imports, until these are forgotten', async () => {
    set({ maxBytes: 250, maxSpoolBytes: 500 }, { retention: { maxFinished: 1 } });
    await (await start(2)).settled();
    const second = await start(2);
    await second.settled();
    expect(await failuresOf(second.id)).toEqual([{ omitted: 2 }]);
    await until(() => stored().length === 0);
    const third = await start(1);
    await third.settled();
    expect(await failuresOf(third.id)).toHaveLength(1);
  });
});

describe('limits that make no sense', () => {
  it('are refused', () => {
    set({});
    const other = new TaskManager();
    const wrong: Partial<ImportOptions>[] = [
      { maxBytes: 0 },
      { maxBytes: 100, maxSpoolBytes: 199 },
      { maxFailuresBytes: -1 },
    ];
    for (const limits of wrong) expect(() => importRuns({ manager: other, files, ...limits })).toThrow(RangeError);
    expect(() => importRuns({ manager: other, files, maxBytes: 8 * 2 ** 30 })).not.toThrow();
  });
});
