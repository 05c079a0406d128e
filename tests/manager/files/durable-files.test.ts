import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileFolder } from '../../../src/backends/files/file-folder.js';
import { sqlite } from '../../../src/backends/sqlite/sqlite-backend.js';
import { importRuns } from '../../../src/imports/import-runs.js';
import type { ManagerOptions } from '../../../src/manager/manager-options.js';
import { TaskManager } from '../../../src/manager/task-manager.js';
import type { FileStore } from '../../../src/ports/files.js';
import { defineTask } from '../../../src/task/task.js';
import { temporaryFolders } from '../../temporary-folder.js';
import { until } from '../../until.js';
import { fileOf, filesIn, hasFiles, stuck, textOf } from './files.js';

const newFolder = temporaryFolders();
const nothing = (): void => undefined;
const report = defineTask({ name: 'report', handler: (input: string, ctx) => fileOf(input)(ctx) });

let folder: string;
let lives: Life[];

beforeEach(async () => {
  folder = await newFolder();
  lives = [];
});
afterEach(async () => {
  for (const life of lives) await life.end();
});

/** A process with runs in a file and files beside it. */
class Life {
  readonly manager: TaskManager;
  readonly files: FileStore;
  readonly stored: string;

  constructor(home: string, options: ManagerOptions = {}) {
    this.stored = join(home, 'files');
    this.files = fileFolder({ folder: this.stored });
    const backend = sqlite({ file: join(home, 'errand.db') });
    this.manager = new TaskManager({ tasks: [report], backend, files: this.files, graceMs: 0, ...options });
    lives.push(this);
  }

  async end(): Promise<void> {
    await this.manager.close({ graceMs: 0 });
    await this.files.close();
  }
}

/** What is on the disk if the process is killed now, in this turn. */
async function killed(): Promise<string> {
  const home = await newFolder();
  cpSync(folder, home, { recursive: true, filter: (path) => !path.endsWith('.owner') });
  return home;
}

describe('a file, where runs outlive the process', () => {
  it('is there in a later process, and after a crash', async () => {
    const first = new Life(folder);
    await (await first.manager.start(report, 'kept', { id: 'a' })).result();
    const after = new Life(await killed());
    expect(await textOf(after.manager.handle('a'))).toBe('kept');
    await first.end();
    const next = new Life(folder);
    await next.manager.open();
    expect(await textOf(next.manager.handle('a'))).toBe('kept');
    expect([filesIn(next.stored), filesIn(after.stored)]).toEqual([[expect.any(String)], [expect.any(String)]]);
  });

  it('that a killed process has left half-written goes, and the run stores it anew', async () => {
    let attempts = 0;
    let begun = nothing;
    const task = defineTask({
      name: 'killed',
      handler: (_, ctx) => ctx.file('a', (attempts += 1) === 1 ? stuck(begun) : 'whole'),
    });
    const storing = new Promise<void>((resolve) => (begun = resolve));
    const first = new Life(folder, { tasks: [task] });
    await first.manager.start(task, undefined, { id: 'a' });
    await storing;
    await hasFiles(first.stored, 1);
    const [half] = filesIn(first.stored);
    const next = new Life(await killed(), { tasks: [task] });
    expect(filesIn(next.stored)).toEqual([half]);
    expect(await textOf(next.manager.handle('a'))).toBe('whole');
    await hasFiles(next.stored, 1);
    expect(filesIn(next.stored)).not.toEqual([half]);
  });

  it('goes with the record of its run, also where that was written by an earlier process', async () => {
    const first = new Life(folder);
    await (await first.manager.start(report, 'old', { id: 'a' })).result();
    await first.end();
    const next = new Life(folder, { retention: { maxFinished: 1 } });
    const run = await next.manager.start(report, 'new', { id: 'b' });
    await run.result();
    await until(async () => (await next.manager.get('a')) === undefined);
    await hasFiles(next.stored, 1);
    expect(await textOf(run)).toBe('new');
  });

  it('goes when its id is started again', async () => {
    const first = new Life(folder);
    await (await first.manager.start(report, 'old', { id: 'a' })).result();
    await first.end();
    const next = new Life(folder);
    const run = await next.manager.start(report, 'new', { id: 'a' });
    expect(await textOf(run)).toBe('new');
    await hasFiles(next.stored, 1);
  });

  it('whose run had gone when the process was killed goes at the next start', async () => {
    const first = new Life(folder);
    await (await first.manager.start(report, 'kept', { id: 'a' })).result();
    const { storeId } = await storeOf(first);
    await first.files.belongTo({ storeId, shared: false }, new Set());
    const orphan = await first.files.put(Readable.from(['x']), { limitBytes: 9, label: 'zzz:gone' });
    const other = await first.files.put(Readable.from(['x']), { limitBytes: 9, label: 'zzz:a' });
    await first.end();
    const next = new Life(folder);
    await next.manager.open();
    await hasFiles(next.stored, 1);
    expect(filesIn(next.stored)).not.toEqual(expect.arrayContaining([orphan.name, other.name]));
    expect(await textOf(next.manager.handle('a'))).toBe('kept');
  });

  it('goes when the manager closes before its handler has returned it, and the run waits on', async () => {
    let attempts = 0;
    let stored = nothing;
    const isStored = new Promise<void>((resolve) => (stored = resolve));
    const task = defineTask({
      name: 'interrupted',
      handler: async (_, ctx) => {
        const file = await ctx.file('a', `attempt ${(attempts += 1)}`);
        stored();
        if (attempts === 1)
          await new Promise((_resolve, reject) =>
            ctx.signal.addEventListener('abort', () => reject(new Error('told to stop'))),
          );
        return file;
      },
    });
    const first = new Life(folder, { tasks: [task] });
    await first.manager.start(task, undefined, { id: 'a' });
    await isStored;
    await first.end();
    expect(filesIn(first.stored)).toEqual([]);
    const next = new Life(folder, { tasks: [task] });
    expect(await textOf(next.manager.handle('a'))).toBe('attempt 2');
  });

  it('lies beside the files of imports, and neither goes for the other', async () => {
    const fails = defineTask({ name: 'fails', handler: () => Promise.reject(new Error('no')) });
    const home = { tasks: [report, fails] };
    const first = new Life(folder, home);
    const imports = importRuns({ manager: first.manager });
    const body = Readable.from([Buffer.from('1\n')]);
    const run = await imports.start('fails', { format: 'ndjson', body, id: 'i' });
    await (await first.manager.start(report, 'kept', { id: 'a' })).result();
    await run.result();
    await first.end();
    const next = new Life(folder, home);
    const later = importRuns({ manager: next.manager });
    expect(await textOf(next.manager.handle('a'))).toBe('kept');
    await later.open();
    expect(await textOf(next.manager.handle('a'))).toBe('kept');
    const failures = await later.failures('i');
    expect(await (failures as Readable).toArray()).toHaveLength(1);
    expect(filesIn(next.stored)).toHaveLength(2);
  });

  it('is refused where nobody has said where it is to be, by what to set', async () => {
    const manager = new TaskManager({ tasks: [report], backend: sqlite({ file: join(folder, 'errand.db') }) });
    const { error } = await (await manager.start(report, 'x')).settled();
    expect(error).toMatchObject({ code: 'BACKEND', message: expect.stringContaining('files: fileFolder({ folder })') });
    await manager.close();
  });
});

/** What the files of a life belong to. */
async function storeOf({ stored }: Life): Promise<{ readonly storeId: string }> {
  const { readdir } = await import('node:fs/promises');
  const [storeId = ''] = await readdir(stored);
  return { storeId };
}
