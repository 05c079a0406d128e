import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileFolder } from '../../src/backends/files/file-folder.js';
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.js';
import type { ImportOptions, ImportRequest } from '../../src/imports/import-options.js';
import { importRuns, type ImportRuns } from '../../src/imports/import-runs.js';
import type { RunHandle } from '../../src/manager/run-handle.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { FileStore } from '../../src/ports/files.js';
import type { AnyTask } from '../../src/task/task.js';

/** A process with imports on a database file, and what it has on the disk: `data.db` and `files` in one folder. */
export class Life {
  readonly folder: string;
  readonly manager: TaskManager;
  readonly imports: ImportRuns;
  readonly #files: FileStore;

  constructor(folder: string, task: AnyTask, options: Partial<ImportOptions> = {}, broken: Partial<FileStore> = {}) {
    this.folder = folder;
    this.manager = new TaskManager({ tasks: [task], backend: sqlite({ file: join(folder, 'data.db') }) });
    this.#files = Object.assign(fileFolder({ folder: join(folder, 'files') }), broken);
    this.imports = importRuns({ manager: this.manager, files: this.#files, ...options });
  }

  start(body: string, request: Partial<ImportRequest> = {}): Promise<RunHandle<unknown>> {
    return this.imports.start('item', { format: 'ndjson', body: Readable.from([Buffer.from(body)]), ...request });
  }

  /** What is on the disk if the process is killed now, in this turn, in a folder of its own. */
  killed(into: string): string {
    cpSync(this.folder, into, { recursive: true, filter: (path) => !path.endsWith('.owner') });
    return into;
  }

  /** The lines of the failures of an import. */
  async failures(id: string): Promise<{ index: number; line: number | null; attempts: number }[]> {
    const chunks: Buffer[] = [];
    for await (const chunk of (await this.imports.failures(id)) ?? []) chunks.push(Buffer.from(chunk));
    const lines = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as { index: number; line: number | null; attempts: number });
  }

  /** The names of all files that are kept for imports. */
  stored(): string[] {
    return readdirSync(join(this.folder, 'files'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name);
  }

  async end(graceMs = 0): Promise<void> {
    await this.manager.close({ graceMs });
    await this.#files.close();
  }
}
