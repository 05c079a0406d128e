import { access, constants, mkdir } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { destination, pino } from 'pino';
import { fileFolder } from '../backends/files/file-folder.js';
import { importRuns } from '../imports/import-runs.js';
import { createApp } from '../koa/create-app.js';
import { taskRoutes } from '../koa/task-routes.js';
import { TaskManager } from '../manager/task-manager.js';
import type { AnyTask } from '../task/task.js';
import { systemClock } from '../timing/system-clock.js';
import { failure, messageOf } from './command-error.js';
import { drain, type ServerParts } from './drain.js';
import { endProcess } from './end-process.js';
import { HttpServer } from './http-server.js';
import { loadTasks } from './load-tasks.js';
import { onlyLocal } from './local-requests.js';
import { resolveHost } from './resolve-host.js';
import type { ServeOptions } from './serve-options.js';
import { welcome } from './welcome.js';

/** What the command uses of its process. */
export type ServeProcess = Pick<NodeJS.Process, 'stdout' | 'on' | 'exit' | 'exitCode'>;

/**
 * `errand serve`: serves tasks over HTTP until the process is told to end. Resolves once it listens.
 *
 * @throws {CommandError} when it cannot begin: the message says what to change.
 */
export async function serve(options: ServeOptions, process: ServeProcess): Promise<void> {
  const address = await resolveHost(options.host, options);
  const tasks = await loadTasks(options);
  await makeFolder(options.dataFolder);
  const parts = assemble(options, tasks);
  const port = await parts.server.listen(address, options.port);
  endOnSignals(parts, process);
  parts.logger.debug({ address, port }, 'listening');
  process.stdout.write(welcome({ address, port, tasks, examples: options.examples }));
}

function assemble(options: ServeOptions, tasks: readonly AnyTask[]): ServerParts {
  const logger = pino({ level: options.logLevel }, destination(2));
  // What handlers of the examples throw is no secret; nobody knows about those of others.
  const exposeErrors = options.taskModules.length === 0;
  const manager = new TaskManager({ tasks, logger });
  const files = fileFolder({ folder: join(options.dataFolder, 'files') });
  const imports = importRuns({ manager, files });
  const routes = taskRoutes({ manager, imports, exposeErrors, logger });
  const answer = createApp({ routers: [routes], manager, logger }).callback();
  // Koa answers by itself; its promise settles with the answer.
  const listener: RequestListener = (req, res) => void answer(req, res);
  const server = new HttpServer(options.insecure ? listener : onlyLocal(listener), logger);
  return { manager, server, files, logger, clock: systemClock };
}

/** Now rather than when the first import comes. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw failure(`the folder for files cannot be used; set ERRAND_DATA to another one: ${messageOf(error)}`, error);
  }
}

/**
 * npm passes on a signal that the terminal has sent to the server as well, and so may whatever ends all processes of a
 * service: what comes within so many milliseconds is the same signal once more.
 */
const ECHO_MS = 200;

/** The first signal lets running work end; the second one does not wait. */
function endOnSignals(parts: ServerParts, process: ServeProcess): void {
  const { logger, clock } = parts;
  let toldAt: number | undefined;
  const onSignal = (): void => {
    if (toldAt !== undefined) {
      if (clock.monotonic() - toldAt > ECHO_MS) process.exit(1);
      return;
    }
    toldAt = clock.monotonic();
    drain(parts).then(
      () => endProcess(process, 0, () => logger.warn({}, 'something that has not ended kept the process up')),
      (err: unknown) => {
        logger.error({ err }, 'the server could not be shut down');
        endProcess(process, 1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
