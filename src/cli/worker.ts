import { join } from 'node:path';
import { destination, pino } from 'pino';
import { fileFolder } from '../backends/files/file-folder.js';
import { importRuns } from '../imports/import-runs.js';
import { createApp } from '../koa/create-app.js';
import { queueFilter } from '../manager/resolve-work.js';
import { TaskManager } from '../manager/task-manager.js';
import type { Logger } from '../ports/logger.js';
import { resolveTask, type AnyTask } from '../task/task.js';
import { systemClock } from '../timing/system-clock.js';
import { CommandError } from './command-error.js';
import { HttpServer } from './http-server.js';
import { type LoadedTasks, loadTasks } from './load-tasks.js';
import { resolveHost } from './resolve-host.js';
import { type RunStorage, runStorage } from './run-storage.js';
import { begin, endOnSignals, makeDataFolder, type Service, type ServiceProcess } from './service.js';
import { workerWelcome } from './welcome.js';
import type { WorkerOptions } from './worker-options.js';

/**
 * `errand worker`: handles runs that other processes have accepted, until the process is told to end. Resolves once it
 * has begun.
 *
 * @throws {CommandError} when it cannot begin: the message says what to change.
 */
export async function worker(options: WorkerOptions, process: ServiceProcess): Promise<void> {
  const loaded = await loadTasks(options);
  refuseIdle(loaded.tasks, options.queues);
  await makeDataFolder(options);
  const logger = pino({ level: options.logLevel }, destination(2));
  const storage = await runStorage(options, logger);
  await beginWorker(options, { process, ...loaded, storage, logger });
}

/** What a worker is made of. */
export interface WorkerParts extends LoadedTasks {
  readonly process: ServiceProcess;
  readonly storage: RunStorage;
  readonly logger: Logger;
}

/** @throws {CommandError} when it cannot begin. */
export async function beginWorker(options: WorkerOptions, parts: WorkerParts): Promise<void> {
  const { process, tasks, storage } = parts;
  const { port: wanted, host, queues } = options;
  // It answers two questions about its health and does what nobody asks over HTTP: whoever can reach it may ask.
  const address = await resolveHost(host, { insecure: true });
  const service = assemble(options, parts);
  const { port, trouble } = await begin(service, { address, port: wanted });
  endOnSignals(service, process);
  process.stdout.write(workerWelcome({ address, port, tasks, place: storage.place, trouble, queues }));
}

/** A name that was mistyped would leave a worker that waits for ever. */
function refuseIdle(tasks: readonly AnyTask[], queues: readonly string[] | undefined): void {
  if (queues === undefined) return;
  const works = queueFilter(queues);
  const known = new Set(tasks.map((task) => resolveTask(task).queue));
  if ([...known].some(works)) return;
  const names = [...known].sort().join(', ');
  throw new CommandError(
    1,
    `--queues ${queues.join()}: no task is in such a queue; the queues of its tasks are ${names}`,
  );
}

function assemble(options: WorkerOptions, { tasks, resources, storage, logger }: WorkerParts): Service {
  const { queues, concurrency, dataFolder, dataFolderIsChosen } = options;
  const files = fileFolder({ folder: join(dataFolder, 'files'), mayBeShared: dataFolderIsChosen });
  const manager = new TaskManager({
    ...{ tasks, resources, logger, backend: storage.backend, files },
    ...(queues !== undefined && { queues }),
    ...(concurrency !== undefined && { concurrency }),
  });
  const imports = importRuns({ manager });
  const answer = createApp({ routers: [], manager, logger }).callback();
  // Koa answers by itself; its promise settles with the answer.
  const server = new HttpServer((req, res) => void answer(req, res), logger);
  return { manager, server, files, imports, schedules: [], waits: true, logger, clock: systemClock };
}
