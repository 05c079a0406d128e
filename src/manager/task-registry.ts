import { show } from '../task/checks.js';
import { TaskError } from '../task/errors.js';
import { partsOf } from '../task/task-parts.js';
import { type AnyTask, type ResolvedTask, resolveTask } from '../task/task.js';

/** The tasks that a manager knows by name. */
export class TaskRegistry {
  readonly #tasks = new Map<string, ResolvedTask>();
  /** The object that `start` was given last, and what it means: most starts repeat it. */
  #last: { readonly task: AnyTask; readonly resolved: ResolvedTask } | undefined;

  /**
   * Makes a task known by its name, and with a workflow its parts. Registering it again changes nothing.
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
    for (const part of partsOf(task)) this.register(part);
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
}
