import { availableParallelism } from 'node:os';
import type { ExecutorSource } from '../../ports/executor.js';
import { checkDuration, checkInteger, checkOptions, show } from '../../task/checks.js';
import { builtFile } from '../outside/built-file.js';
import { OutsideExecutor } from '../outside/outside-executor.js';
import { ProcessCrew } from './process-crew.js';
import type { ProcessOptions } from './process-settings.js';

const KNOWN = ['maxProcesses', 'idleMs', 'execArgv', 'env'];

/**
 * The child processes of a manager, for `new TaskManager({ executors: [processes({ maxProcesses: 2 })] })`. They are made
 * when the first run of a task with `executor: 'process'` begins, as many as there are such runs at once.
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range.
 */
export function processes(options: ProcessOptions = {}): ExecutorSource {
  checkOptions("processes' options", options, KNOWN);
  const { maxProcesses = Math.max(1, availableParallelism() - 1), idleMs = 30_000, execArgv, env } = options;
  checkInteger('maxProcesses', maxProcesses, { min: 1, max: 1_024 });
  checkDuration('idleMs', idleMs);
  if (execArgv !== undefined && !Array.isArray(execArgv))
    throw new TypeError(`execArgv must be an array of strings; got ${show(execArgv)}`);
  const entry = (): string => builtFile('process', 'process-entry.js');
  const settings = { maxProcesses, idleMs, execArgv: execArgv ?? inherited(process.execArgv), env, entry };
  return {
    name: 'process',
    places: maxProcesses,
    open: ({ clock }) => new OutsideExecutor('process', new ProcessCrew(settings, clock)),
  };
}

/** The script of `--eval` is not theirs, and two processes cannot share a debugger's port. */
function inherited(execArgv: readonly string[]): string[] {
  return execArgv.filter((each, at) => {
    if (/^(-e|-p|-pe|--eval|--print)$/.test(execArgv[at - 1] ?? '')) return false;
    return !/^(-e|-p|-pe|--eval|--print|--input-type|--inspect|--test|--watch)\b/.test(each);
  });
}
