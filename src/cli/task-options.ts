import { usageError } from './command-error.js';
import type { TaskSources } from './load-tasks.js';

/** The options of every command that loads tasks. */
export const TASK_OPTIONS = {
  examples: { type: 'boolean', default: false },
  tasks: { type: 'string', multiple: true, default: [] as string[] },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @throws {CommandError} exit code 2 when no tasks are named. */
export function readTaskSources(
  { examples, tasks }: { readonly examples: boolean; readonly tasks: readonly string[] },
  command: 'serve' | 'worker',
): TaskSources {
  if (!examples && tasks.length === 0) {
    const what = command === 'serve' ? 'serve' : 'work on';
    throw usageError(`there is nothing to ${what}: give --tasks ./tasks.js, or --examples to ${what} ours`);
  }
  if (tasks.includes('')) throw usageError('--tasks needs the path of a module, such as ./tasks.js');
  return { examples, taskModules: tasks };
}
