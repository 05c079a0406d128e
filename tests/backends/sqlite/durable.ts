import { mkdtemp, rm } from 'node:fs/promises';
import { copyFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqlite } from '../../../src/backends/sqlite/sqlite-backend.js';
import type { ManagerOptions } from '../../../src/manager/manager-options.js';
import { TaskManager } from '../../../src/manager/task-manager.js';

/** Managers on files of a folder, all closed and removed at the end. */
export class DurableBench {
  readonly #managers: TaskManager[] = [];
  #folder = '';
  #files = 0;

  async open(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'errand-durable-'));
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#managers.splice(0).map((manager) => manager.close({ graceMs: 0 })));
    await rm(this.#folder, { recursive: true });
  }

  /** The path of a file that does not exist yet. */
  newFile(): string {
    return join(this.#folder, `${(this.#files += 1)}.db`);
  }

  manager(file: string, options: ManagerOptions = {}): TaskManager {
    const manager = new TaskManager({ backend: sqlite({ file }), ...options });
    this.#managers.push(manager);
    return manager;
  }

  /** What a process that is killed now, in this turn, leaves: the file and its log as they are on the disk. */
  crash(file: string): Promise<string> {
    const image = this.newFile();
    copyFileSync(file, image);
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${image}-wal`);
    return Promise.resolve(image);
  }
}
