import { parseArgs } from 'node:util';
import { usageError } from './command-error.js';
import { type Environment, parsing, readEnvironment } from './environment.js';
import { readTaskSources, TASK_OPTIONS } from './task-options.js';
import type { TaskSources } from './load-tasks.js';

/** What `errand serve` is to do. */
export interface ServeOptions extends Environment, TaskSources {
  /** Listen also where other computers can reach the server. */
  readonly insecure: boolean;
  /** Handle runs here; otherwise others do. */
  readonly work: boolean;
}

const OPTIONS = {
  ...TASK_OPTIONS,
  insecure: { type: 'boolean', default: false },
  'no-work': { type: 'boolean', default: false },
} as const;

/**
 * Reads the arguments after `serve`, and the environment; an empty variable counts as none.
 *
 * @throws {CommandError} exit code 2, when one of them makes no sense or there is nothing to serve.
 */
export function readServeOptions(args: readonly string[], env: NodeJS.ProcessEnv): ServeOptions | 'help' {
  const { values } = parsing('serve', () => parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false }));
  if (values.help) return 'help';
  const sources = readTaskSources(values, 'serve');
  const environment = readEnvironment(env, { port: '3000' });
  const work = !values['no-work'];
  if (!work && environment.backend === 'memory')
    throw usageError(
      '--no-work leaves the work to other processes, and ERRAND_BACKEND=memory keeps runs from them: set it to redis://… or postgres://…',
    );
  return { ...sources, ...environment, insecure: values.insecure, work };
}
