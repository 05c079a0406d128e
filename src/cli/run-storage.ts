import { join } from 'node:path';
import { memoryBackend } from '../backends/memory/memory-backend.js';
import { backupRoutes } from '../koa/backup-routes.js';
import type { CreateAppOptions } from '../koa/create-app.js';
import type { Backend } from '../ports/backend.js';
import type { Logger } from '../ports/logger.js';
import { isTaskError } from '../task/errors.js';
import { codeOf, failure } from './command-error.js';
import type { Environment } from './environment.js';
import type { FleetUrl } from './fleet-url.js';

/** Where the runs of a server are. */
export interface RunStorage {
  readonly backend: Backend;
  /** Where that is, for people. */
  readonly place: string;
  /** What can be done with it over HTTP. */
  readonly routers: CreateAppOptions['routers'];
}

/**
 * Makes what the settings name; all but memory is loaded only where it is wanted.
 *
 * @throws {CommandError} 1 when something is not installed.
 */
export async function runStorage(
  { backend, dataFolder }: Pick<Environment, 'backend' | 'dataFolder'>,
  logger: Logger,
): Promise<RunStorage> {
  if (backend === 'memory')
    return { backend: memoryBackend(), place: 'in memory; they end with the server', routers: [] };
  if (backend !== 'sqlite') return { backend: await fleet(backend), place: backend.shown, routers: [] };
  const { sqlite } = await import('../backends/sqlite/sqlite-backend.js');
  const file = join(dataFolder, 'errand.db');
  const database = sqlite({ file });
  const folder = join(dataFolder, 'backups');
  const backups = backupRoutes({ backup: (to) => database.backup(to), folder, logger });
  return { backend: database, place: file, routers: [backups] };
}

async function fleet({ withPassword: connection }: FleetUrl): Promise<Backend> {
  try {
    const { bullmq } = await import('../backends/bullmq/bullmq.js');
    return bullmq({ connection });
  } catch (error) {
    if (isTaskError(error)) throw failure(error.message, error);
    if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    const advice = 'run "npm install bullmq ioredis" for Redis, or "npm install bullmq pg" for PostgreSQL';
    throw failure(`a package that ERRAND_BACKEND needs is not installed; ${advice}`, error);
  }
}
