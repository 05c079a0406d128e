import { availableParallelism } from 'node:os';
import type { ExecutorSource } from '../../ports/executor.js';
import { checkDuration, checkInteger, checkOptions, show } from '../../task/checks.js';
import { builtFile } from '../outside/built-file.js';
import { OutsideExecutor } from '../outside/outside-executor.js';
import { ThreadCrew } from './thread-crew.js';
import type { ThreadOptions } from './thread-settings.js';

const KNOWN = ['maxThreads', 'idleMs', 'resourceLimits', 'execArgv', 'env'];
const KNOWN_LIMITS = ['maxOldGenerationSizeMb', 'maxYoungGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'];

/**
 * The threads of a manager, for `new TaskManager({ executors: [threads({ maxThreads: 4 })] })`. They are made when the
 * first run of a task with `executor: 'thread'` begins, as many as there are such runs at once.
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range.
 */
export function threads(options: ThreadOptions = {}): ExecutorSource {
  checkOptions("threads' options", options, KNOWN);
  const { maxThreads = Math.max(1, availableParallelism() - 1), idleMs = 30_000, resourceLimits, execArgv } = options;
  checkInteger('maxThreads', maxThreads, { min: 1, max: 1_024 });
  checkDuration('idleMs', idleMs, { min: 0, max: 2_147_483_647 });
  if (execArgv !== undefined && !Array.isArray(execArgv))
    throw new TypeError(`execArgv must be an array of strings; got ${show(execArgv)}`);
  if (resourceLimits !== undefined) {
    checkOptions('resourceLimits', resourceLimits, KNOWN_LIMITS);
    for (const [name, value] of Object.entries(resourceLimits))
      checkInteger(`resourceLimits.${name}`, value, { min: 1 });
  }
  const settings = { ...options, maxThreads, idleMs, entry: () => builtFile('thread', 'thread-entry.js') };
  return {
    name: 'thread',
    places: maxThreads,
    open: ({ logger }) => new OutsideExecutor('thread', new ThreadCrew(settings, logger)),
  };
}
