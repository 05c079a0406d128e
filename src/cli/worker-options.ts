import { parseArgs } from 'node:util';
import { queueFilter } from '../manager/resolve-work.js';
import { show } from '../task/checks.js';
import { usageError } from './command-error.js';
import { type Environment, parsing, readEnvironment } from './environment.js';
import { FleetUrl } from './fleet-url.js';
import type { TaskSources } from './load-tasks.js';
import { readTaskSources, TASK_OPTIONS } from './task-options.js';

/** What `errand worker` is to do. */
export interface WorkerOptions extends Environment, TaskSources {
  /** The server that its runs come from. */
  readonly backend: FleetUrl;
  /** Names and patterns; undefined for all. */
  readonly queues: readonly string[] | undefined;
  /** How many handlers are at work at once; undefined for the manager's default. */
  readonly concurrency: number | undefined;
}

const OPTIONS = {
  ...TASK_OPTIONS,
  queues: { type: 'string', multiple: true },
  concurrency: { type: 'string' },
} as const;

/**
 * Reads the arguments after `worker`, and the environment; an empty variable counts as none.
 *
 * @throws {CommandError} exit code 2, when one of them makes no sense, or nobody could give this worker runs.
 */
export function readWorkerOptions(args: readonly string[], env: NodeJS.ProcessEnv): WorkerOptions | 'help' {
  const { values } = parsing('worker', () => parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false }));
  if (values.help) return 'help';
  const sources = readTaskSources(values, 'worker');
  const environment = readEnvironment(env, { port: '0' });
  return {
    ...sources,
    ...environment,
    backend: sharedBackend(environment),
    queues: readQueues(values.queues),
    concurrency: readConcurrency(values.concurrency),
  };
}

function sharedBackend({ backend }: Environment): FleetUrl {
  if (backend instanceof FleetUrl) return backend;
  const why =
    backend === 'sqlite'
      ? 'a file belongs to the one process that has opened it (ERRAND_BACKEND is sqlite unless set), which errand serve is, and it does the work itself'
      : 'what is in the memory of another process cannot be worked on here';
  throw usageError(
    `a worker takes runs from a server that all processes share, and ${why}: set ERRAND_BACKEND to redis://… or postgres://…, here and for errand serve`,
  );
}

function readQueues(given: readonly string[] | undefined): readonly string[] | undefined {
  const queues = given?.flatMap((list) => list.split(',')).map((name) => name.trim());
  if (queues === undefined) return undefined;
  try {
    queueFilter(queues);
    return queues;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw usageError(`--${error.message}`);
  }
}

function readConcurrency(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
  throw usageError(`--concurrency must be a number from 1 to 999999, how many handlers are at work; got ${show(text)}`);
}
