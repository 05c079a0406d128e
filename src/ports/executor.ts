import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';

/** Where a handler executes: on the event loop, in a thread, in a process. */
export interface Executor {
  readonly name: string;
  /**
   * Calls the task's handler.
   *
   * @returns the result, or a promise of it; a handler that settles at once costs no turn of the event loop.
   * @throws whatever the handler throws, unchanged.
   */
  execute(task: ResolvedTask, input: unknown, ctx: TaskContext): unknown;
}
