import { checkName, show } from '../task/checks.js';
import { TaskError } from '../task/errors.js';
import { resolveRetryPolicy } from '../task/retry-policy.js';
import { type AnyTask, resolveLimits, type ResolvedTask, resolveTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import type { AdHocOptions } from './manager-options.js';

/** The function of an ad-hoc run. */
export type AdHocFunction = (ctx: TaskContext) => unknown;

/** The tasks that a manager knows by name, and the functions of its ad-hoc runs. */
export class TaskRegistry {
  readonly #tasks = new Map<string, ResolvedTask>();
  readonly #adHoc = new Map<string, ResolvedTask>();
  /** The object that `start` was given last, and what it means: most starts repeat it. */
  #last: { readonly task: AnyTask; readonly resolved: ResolvedTask } | undefined;

  /**
   * Makes a task known by its name. Registering it again changes nothing.
   *
   * @throws {TypeError} when it was not made by `defineTask`.
   * @throws {RangeError} when another task has this name.
   */
  register(task: AnyTask): ResolvedTask {
    if (this.#last?.task === task) return this.#last.resolved;
    const resolved = resolveTask(task);
    const namesake = this.#tasks.get(resolved.name);
    if (namesake !== undefined && namesake !== resolved) {
      throw new RangeError(`another task is registered as ${show(resolved.name)}; every task needs a name of its own`);
    }
    this.#tasks.set(resolved.name, resolved);
    this.#last = { task, resolved };
    return resolved;
  }

  find(name: string): ResolvedTask | undefined {
    return this.#tasks.get(name);
  }

  /** @throws {TaskError} TASK_UNKNOWN */
  get(name: string): ResolvedTask {
    const task = this.#tasks.get(name);
    if (task !== undefined) return task;
    throw new TaskError('TASK_UNKNOWN', `No task is registered as ${show(name)}`, { details: { task: name } });
  }

  /** Keeps an ad-hoc run's function until the run has ended. */
  addAdHoc(id: string, resolved: ResolvedTask): void {
    this.#adHoc.set(id, resolved);
  }

  findAdHoc(id: string): ResolvedTask | undefined {
    return this.#adHoc.get(id);
  }

  removeAdHoc(id: string): void {
    this.#adHoc.delete(id);
  }
}

/** Makes of a function what a task's definition would be. */
export function adHocTask(fn: AdHocFunction, options: AdHocOptions): ResolvedTask {
  if (typeof fn !== 'function') {
    throw new TypeError(
      `start takes a task and its input, or an id and a function (ctx) => …; got ${show(fn)}. A promise is work that has begun before it is tracked`,
    );
  }
  const { queue = 'default', priority = 0, retry, softLimitMs, hardLimitMs } = options;
  return {
    name: 'ad-hoc function',
    input: undefined,
    queue: checkName('queue', queue),
    priority,
    retry: resolveRetryPolicy(retry),
    limits: resolveLimits({
      ...(softLimitMs !== undefined && { softLimitMs }),
      ...(hardLimitMs !== undefined && { hardLimitMs }),
    }),
    hooks: {},
    handler: (_input, ctx) => fn(ctx),
  };
}
