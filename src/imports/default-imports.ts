import { join } from 'node:path';
import { fileFolder } from '../backends/files/file-folder.js';
import { managerCore, type TaskManager } from '../manager/task-manager.js';
import { importRuns, importsOf, type ImportRuns } from './import-runs.js';

/**
 * The imports of a manager for whose routes nobody named any: those that it has, however often its routes are mounted,
 * or else new ones. Their files go where the manager's do, or where it has been given no `files` to the folder `files` under `ERRAND_DATA` (default `data`), which is made when the
 * first body comes, and they go when the manager has closed. On a backend that is shared, imports are refused unless
 * `ERRAND_DATA` names a folder.
 */
export function defaultImports(manager: TaskManager): ImportRuns {
  const before = importsOf(manager);
  if (before !== undefined) return before;
  const core = managerCore(manager);
  if (core.options.files !== undefined) return importRuns({ manager });
  const chosen = process.env['ERRAND_DATA'] || undefined;
  const files = fileFolder({ folder: join(chosen ?? 'data', 'files'), mayBeShared: chosen !== undefined });
  core.whenClosed(() => {
    files
      .close()
      .catch((err: unknown) => core.options.logger?.error({ err }, 'The folder for files could not be closed'));
  });
  return importRuns({ manager, files });
}
