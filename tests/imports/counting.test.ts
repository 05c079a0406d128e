import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { importRuns } from '../../src/imports/import-runs.js';
import type { RunHandle } from '../../src/manager/run-handle.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { FileStore } from '../../src/ports/files.js';
import { defineTask } from '../../src/task/task.js';
import { temporaryFolders } from '../temporary-folder.js';
import { until } from '../until.js';

const newFolder = temporaryFolders();
const task = defineTask({ name: 'item', handler: () => undefined });

let files: FileStore;
let manager: TaskManager;
let counted: Readable;
let pieces: number;

beforeEach(async () => {
  files = fileFolder({ folder: await newFolder() });
  pieces = 0;
  counted = new Readable({
    read() {
      pieces += 1;
      setImmediate(() => this.push(Buffer.from('\n'.repeat(1_000))));
    },
  });
});

afterEach(async () => {
  counted.destroy();
  await manager.close({ graceMs: 0 });
  await files.close();
});

/** Starts an import of a file that has no end. */
async function startEndless(graceMs: number): Promise<RunHandle<unknown>> {
  manager = new TaskManager({ tasks: [task], graceMs });
  const store: FileStore = {
    belongTo: (store, inUse) => files.belongTo(store, inUse),
    removeUnused: (inUse) => files.removeUnused(inUse),
    labelled: () => files.labelled(),
    put: (source, options) => files.put(source, options),
    append: (name, options) => files.append(name, options),
    open: () => Promise.resolve(counted),
    remove: (name) => files.remove(name),
    sweep: () => files.sweep(),
    close: () => files.close(),
  };
  const imports = importRuns({ manager, files: store });
  const run = await imports.start('item', { format: 'ndjson', body: Readable.from([Buffer.from('1\n')]) });
  await until(() => pieces > 3);
  return run;
}

describe('an import whose records are still being counted', () => {
  it('ends without counts when that takes longer than the grace after a cancel, and reads no further', async () => {
    const run = await startEndless(300);
    expect((await run.cancel())?.status).toBe('cancelling');
    const ended = await run.settled();
    expect([ended.status, ended.abandoned, ended.result]).toEqual(['cancelled', false, undefined]);
    expect(counted.destroyed).toBe(true);
  });

  it('reads no further when the manager closes', async () => {
    const run = await startEndless(10_000);
    expect(await manager.close({ graceMs: 0 })).toMatchObject({ interrupted: 1, abandoned: 0 });
    expect((await run.settled()).error?.code).toBe('RUN_INTERRUPTED');
    expect(counted.destroyed).toBe(true);
  });
});
