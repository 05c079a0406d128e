import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskManager } from 'errand';
import { sqlite } from 'errand/sqlite';

/** A path in a folder of its own, which goes with the process. */
export function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'errand.db');
}

/** A file of Errand's with nothing in it: the tables and indexes are those of today. */
export async function emptyFile(file = newPath()): Promise<string> {
  const manager = new TaskManager({ backend: sqlite({ file }) });
  await manager.open();
  await manager.close();
  return file;
}
