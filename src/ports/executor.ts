import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import type { ModuleExecutor } from '../task/thread-module.js';
import type { Clock } from './clock.js';
import type { Logger } from './logger.js';

/** Where a handler executes: on the event loop, in a thread, in a process. */
export interface Executor {
  readonly name: string;
  /**
   * Calls the task's handler.
   *
   * @returns the result, or a promise of it; a handler that settles at once costs no turn of the event loop.
   * @throws whatever the handler throws, unchanged; from a thread or a process an error of the same name, message and code.
   */
  execute(task: ResolvedTask, input: unknown, ctx: TaskContext): unknown;
  /**
   * The signal of this attempt has aborted: for a handler elsewhere, which does not see it. Never called before `execute`.
   * Absent where handlers see their signals.
   */
  abort?(ctx: TaskContext, reason: unknown): void;
  /**
   * Ends the work of this attempt at once, whatever it is doing; what `execute` gave settles when the work has stopped.
   * Absent where nothing can.
   */
  stop?(ctx: TaskContext): void;
  /** Ends everything that is left, and resolves when it has ended. Nothing is executed afterwards. */
  close?(): Promise<void>;
}

/** What an executor is made with. */
export interface ExecutorTools {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
}

/** An executor to be: what `threads()` and `processes()` of `errand/thread` give, and a manager opens when it needs it. */
export interface ExecutorSource {
  readonly name: ModuleExecutor;
  /** How many handlers it executes at once. */
  readonly places: number;
  /** Makes the executor, for one manager. */
  open(tools: ExecutorTools): Executor;
}
