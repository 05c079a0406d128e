import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { destination, pino } from 'pino';
import { fileFolder } from '../backends/files/file-folder.js';
import { importRuns } from '../imports/import-runs.js';
import { createApp } from '../koa/create-app.js';
import { scheduleRoutes } from '../koa/schedule-routes.js';
import { taskRoutes } from '../koa/task-routes.js';
import { TaskManager } from '../manager/task-manager.js';
import type { Logger } from '../ports/logger.js';
import type { AnyTask } from '../task/task.js';
import { systemClock } from '../timing/system-clock.js';
import { FleetUrl } from './fleet-url.js';
import { HttpServer } from './http-server.js';
import { loadTasks } from './load-tasks.js';
import { onlyLocal } from './local-requests.js';
import { resolveHost } from './resolve-host.js';
import { type RunStorage, runStorage } from './run-storage.js';
import type { ServeOptions } from './serve-options.js';
import { begin, endOnSignals, makeDataFolder, type Service, type ServiceProcess } from './service.js';
import { welcome } from './welcome.js';

/**
 * `errand serve`: serves tasks over HTTP until the process is told to end. Resolves once it listens.
 *
 * @throws {CommandError} when it cannot begin: the message says what to change.
 */
export async function serve(options: ServeOptions, process: ServiceProcess): Promise<void> {
  const address = await resolveHost(options.host, options);
  const tasks = await loadTasks(options);
  await makeDataFolder(options);
  const logger = pino({ level: options.logLevel }, destination(2));
  const storage = await runStorage(options, logger);
  const service = assemble({ ...options, tasks, storage, logger });
  const { port, trouble } = await begin(service, { address, port: options.port });
  endOnSignals(service, process);
  logger.debug({ address, port }, 'listening');
  const { examples, work } = options;
  process.stdout.write(welcome({ address, port, tasks, place: storage.place, trouble, examples, work }));
}

interface Assembly extends ServeOptions {
  readonly tasks: readonly AnyTask[];
  readonly storage: RunStorage;
  readonly logger: Logger;
}

function assemble(assembly: Assembly): Service {
  const { tasks, storage, logger, taskModules, dataFolder, dataFolderIsChosen, insecure, work } = assembly;
  // What handlers of the examples throw is no secret; nobody knows about those of others.
  const exposeErrors = taskModules.length === 0;
  const manager = new TaskManager({ tasks, logger, backend: storage.backend, work });
  const files = fileFolder({ folder: join(dataFolder, 'files'), mayBeShared: dataFolderIsChosen });
  const imports = importRuns({ manager, files });
  const routes = taskRoutes({ manager, imports, exposeErrors, logger });
  const schedules = scheduleRoutes({ manager, exposeErrors, logger });
  const answer = createApp({ routers: [routes, schedules, ...storage.routers], manager, logger }).callback();
  // Koa answers by itself; its promise settles with the answer.
  const listener: RequestListener = (req, res) => void answer(req, res);
  const server = new HttpServer(insecure ? listener : onlyLocal(listener), logger);
  const waits = assembly.backend instanceof FleetUrl;
  return { manager, server, files, imports, waits, logger, clock: systemClock };
}
