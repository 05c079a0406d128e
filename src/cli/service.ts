import { access, constants, mkdir } from 'node:fs/promises';
import type { ImportRuns } from '../imports/import-runs.js';
import { show } from '../task/checks.js';
import { hasCode, isTaskError } from '../task/errors.js';
import { type CommandError, failure, messageOf } from './command-error.js';
import { drain, type ServerParts } from './drain.js';
import { endProcess } from './end-process.js';
import type { Environment } from './environment.js';
import { FleetUrl } from './fleet-url.js';
import type { NamedSchedule } from './module-extras.js';

/** What the commands that serve use of their process. */
export interface ServiceProcess extends Pick<NodeJS.Process, 'exit' | 'exitCode'> {
  readonly stdout: Pick<NodeJS.WriteStream, 'write'>;
  on(signal: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

/** A server, or a worker with its health endpoint. */
export interface Service extends ServerParts {
  readonly imports: ImportRuns;
  /** Put as soon as its runs can be reached. */
  readonly schedules: readonly NamedSchedule[];
  /** Its runs are on a server of their own: one that is away at the start is waited for. */
  readonly waits: boolean;
}

/** How a service began. */
export interface Begun {
  /** The one that it listens on. */
  readonly port: number;
  /** Why its runs cannot be reached yet; null where they can. */
  readonly trouble: string | null;
}

/** Between two tries to reach a server that is away, in milliseconds: the first wait, doubling, and the longest. */
const RETRY_MS = { first: 500, longest: 5_000 };

/**
 * Opens what there is to open, then listens. Where the server of the runs is away, `/readyz` says so until it is back.
 *
 * @throws {CommandError} 1 when it cannot begin. What was at work in a file goes on by then: it is given back first, for
 * to whoever comes next it would look as if the process had died, and a run outlives only so many of these.
 */
export async function begin(service: Service, { address, port }: { address: string; port: number }): Promise<Begun> {
  const { server, manager, files } = service;
  const trouble = await openRuns(service);
  try {
    if (trouble === null) await putSchedules(service);
    if (trouble === null) await openImports(service);
    const listensOn = await server.listen(address, port);
    if (trouble !== null) void openLater(service);
    return { port: listensOn, trouble };
  } catch (error) {
    await manager.close({ graceMs: 0 }).catch(() => undefined);
    await files.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Before anybody is told that the server listens: a file that cannot be used is told to whoever starts it.
 *
 * @returns what is in the way, where it may pass.
 */
async function openRuns({ manager, waits, logger }: Service): Promise<string | null> {
  try {
    await manager.open();
    return null;
  } catch (error) {
    if (!waits || !mayPass(error)) throw toldFailure(error);
    logger.error({ err: error }, 'the runs cannot be reached: waiting until they can');
    return messageFor(error);
  }
}

/** Those that are there with the same settings stay as they are, and so does whether one is paused. */
async function putSchedules({ manager, schedules }: Service): Promise<void> {
  for (const [id, definition] of schedules) {
    try {
      await manager.schedules.put(id, definition);
    } catch (error) {
      throw failure(`the schedule ${show(id)} cannot be put: ${messageFor(error)}`, error);
    }
  }
}

/** In a fleet, everything else goes on without them. */
async function openImports({ imports, waits }: Service): Promise<void> {
  try {
    await imports.open();
  } catch (error) {
    if (!waits) throw toldFailure(error);
    // Who has the files has logged why.
  }
}

async function openLater(service: Service): Promise<void> {
  const { manager, logger, clock } = service;
  for (let waitMs = RETRY_MS.first; ; waitMs = Math.min(2 * waitMs, RETRY_MS.longest)) {
    // Without a server that listens, nothing would be waited for.
    await new Promise<void>((resolve) => clock.after(waitMs, resolve).unref());
    if (manager.closing) return;
    try {
      await manager.open();
      await putSchedules(service);
      break;
    } catch (err) {
      logger.debug({ err }, 'the runs cannot be reached yet');
    }
  }
  logger.info({}, 'the runs can be reached');
  await openImports(service);
}

function toldFailure(error: unknown): CommandError {
  return failure(messageFor(error), error);
}

function messageFor(error: unknown): string {
  // What the tasks need, and why it is not there, is for whoever starts them to see.
  if (hasCode(error, 'RESOURCE_FAILED')) return `${error.message}: ${messageOf(error.cause)}`;
  return isTaskError(error) ? error.message : messageOf(error);
}

/** A package that is not installed, or a setting that cannot be used, does not change by itself. */
function mayPass(error: unknown): boolean {
  return isTaskError(error) && error.code === 'BACKEND' && !('package' in error.details || 'setting' in error.details);
}

/**
 * Now rather than when the first import comes. Where runs are elsewhere, and nobody has named a folder, there is none.
 *
 * @throws {CommandError} 1 when it cannot be written.
 */
export async function makeDataFolder({ backend, dataFolder, dataFolderIsChosen }: Environment): Promise<void> {
  if (backend instanceof FleetUrl && !dataFolderIsChosen) return;
  try {
    await mkdir(dataFolder, { recursive: true, mode: 0o700 });
    await access(dataFolder, constants.W_OK);
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
export function endOnSignals(parts: ServerParts, process: ServiceProcess): void {
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
