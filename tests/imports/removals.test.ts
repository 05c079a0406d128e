import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { memoryBackend } from '../../src/backends/memory/memory-backend.js';
import { importRuns, type ImportRuns } from '../../src/imports/import-runs.js';
import type { RunHandle } from '../../src/manager/run-handle.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { Backend } from '../../src/ports/backend.js';
import type { FileStore } from '../../src/ports/files.js';
import type { Logger } from '../../src/ports/logger.js';
import { TaskError } from '../../src/task/errors.js';
import { defineTask } from '../../src/task/task.js';
import { temporaryFolders } from '../temporary-folder.js';

const COUNTS = { total: 2, succeeded: 2, failed: 0, cancelled: 0 };
const newFolder = temporaryFolders();
const nothing = (): void => undefined;
const task = defineTask({ name: 'item', handler: nothing });

let folder: string;
let files: FileStore;
let manager: TaskManager;
let imports: ImportRuns;
let error: jest.Mock<Logger['error']>;

beforeEach(async () => {
  folder = await newFolder();
  files = fileFolder({ folder });
  error = jest.fn<Logger['error']>();
});

afterEach(async () => {
  await manager.close({ graceMs: 0 });
  await files.close();
});

/** A manager with imports whose files cannot be removed. */
function set(backend?: Backend): void {
  const logger = { debug: nothing, info: nothing, warn: nothing, error };
  manager = new TaskManager({ tasks: [task], logger, ...(backend && { backend }) });
  const store: FileStore = {
    belongTo: (store, inUse) => files.belongTo(store, inUse),
    removeUnused: (inUse) => files.removeUnused(inUse),
    labelled: () => files.labelled(),
    put: (source, options) => files.put(source, options),
    append: (name, options) => files.append(name, options),
    open: (name, range) => files.open(name, range),
    remove: () => Promise.reject(new TaskError('BACKEND', 'The file could not be removed')),
    sweep: () => files.sweep(),
    close: () => files.close(),
  };
  imports = importRuns({ manager, files: store });
}

function start(): Promise<RunHandle<unknown>> {
  const body = Readable.from([Buffer.from('1\n2\n')]);
  return imports.start('item', { format: 'ndjson', body, idempotencyKey: 'once' });
}

describe('a body that cannot be removed', () => {
  it('of a second start with a key, does not keep the run from whoever sent it; the log tells of it', async () => {
    set();
    const first = await start();
    await first.settled();
    error.mockClear();
    const second = await start();
    expect([second.id, second.replayed]).toEqual([first.id, true]);
    expect(error).toHaveBeenCalledWith(
      expect.objectContaining({ runId: first.id }),
      expect.stringContaining('removed'),
    );
  });

  it('of an import that has ended before its start was answered, does not keep the run from whoever sent it', async () => {
    const backend: Backend = memoryBackend();
    const accept = backend.accept.bind(backend);
    backend.accept = async (...asked) => {
      const accepted = await accept(...asked);
      await new Promise<void>((resolve) => backend.watch(accepted.run, 'free', () => resolve()));
      return accepted;
    };
    set(backend);
    const run = await start();
    expect(await run.result()).toEqual(COUNTS);
    expect(error).toHaveBeenCalledWith(expect.objectContaining({ runId: run.id }), expect.stringContaining('removed'));
  });
});
