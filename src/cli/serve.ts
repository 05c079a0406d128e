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
import { systemClock } from '../timing/system-clock.js';
import { FleetUrl } from './fleet-url.js';
import { HttpServer } from './http-server.js';
import { type LoadedModules, loadTasks } from './load-tasks.js';
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
  const loaded = await loadTasks(options);
  await makeDataFolder(options);
  const logger = pino({ level: options.logLevel }, destination(2));
  const storage = await runStorage(options, logger);
  const service = assemble({ ...options, ...loaded, storage, logger });
  const { port, trouble } = await begin(service, { address, port: options.port });
  endOnSignals(service, process);
  logger.debug({ address, port }, 'listening');
  const { examples, work } = options;
  process.stdout.write(welcome({ address, port, tasks: loaded.tasks, place: storage.place, trouble, examples, work }));
}

interface Assembly extends ServeOptions, LoadedModules {
  readonly storage: RunStorage;
  readonly logger: Logger;
}

function assemble(assembly: Assembly): Service {
  const { tasks, resources, storage, logger, taskModules, dataFolder, dataFolderIsChosen, insecure, work } = assembly;
  // What handlers of the examples throw is no secret; nobody knows about those of others.
  const exposeErrors = taskModules.length === 0;
  const files = fileFolder({ folder: join(dataFolder, 'files'), mayBeShared: dataFolderIsChosen });
  const manager = new TaskManager({ tasks, resources, logger, backend: storage.backend, work, files });
  const imports = importRuns({ manager });
  const routes = taskRoutes({ manager, imports, exposeErrors, logger });
  const scheduling = scheduleRoutes({ manager, exposeErrors, logger });
  const own = assembly.routes.map((make) => make(manager));
  const routers = [routes, scheduling, ...storage.routers, ...own];
  const answer = createApp({ routers, manager, logger }).callback();
  // Koa answers by itself; its promise settles with the answer.
  const listener: RequestListener = (req, res) => void answer(req, res);
  const server = new HttpServer(insecure ? listener : onlyLocal(listener), logger);
  const waits = assembly.backend instanceof FleetUrl;
  return { manager, server, files, imports, schedules: assembly.schedules, waits, logger, clock: systemClock };
}
