import { CRASH_DEFAULTS } from '../task/crash-policy.js';
import type { Accepted, MaybePromise } from '../ports/backend.js';
import { checkName, show } from '../task/checks.js';
import { unconfirmedRunOf } from '../task/errors.js';
import { resolveRetryPolicy } from '../task/retry-policy.js';
import { type AnyTask, resolveLimits, type ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import type { AdHocOptions } from './manager-options.js';

/** The function of an ad-hoc run. */
export type AdHocFunction = (ctx: TaskContext) => unknown;

/** Tells a function from a task, where either may be started. */
export function isAdHocFunction(what: AnyTask | AdHocFunction): what is AdHocFunction {
  return typeof what === 'function';
}

/**
 * The functions of ad-hoc runs: they live in this process, whatever keeps the runs. A run may be delivered before the
 * start that made it is answered, and may have ended by then; so its function is at hand from the moment of asking.
 */
export class AdHocFunctions {
  /** Of the active run of each id, or of the start that may make one. */
  readonly #functions = new Map<string, ResolvedTask>();
  /** Of the start that asks for an id that is active. */
  readonly #next = new Map<string, ResolvedTask>();
  /** One start of an id at a time: nobody could tell whose run is delivered. */
  readonly #unanswered = new Map<string, Promise<unknown>>();

  /** Starts a run of this function; waits until earlier starts of the id are answered. */
  start(id: string, task: ResolvedTask, accept: () => MaybePromise<Accepted>): MaybePromise<Accepted> {
    const before = this.#unanswered.get(id);
    if (before !== undefined) return before.then(() => this.start(id, task, accept));
    (this.#functions.has(id) ? this.#next : this.#functions).set(id, task);
    try {
      const accepted = accept();
      return accepted instanceof Promise ? this.#await(id, task, accepted) : this.#answered(id, task, accepted);
    } catch (error) {
      this.#takeBack(id, task);
      throw error;
    }
  }

  find(id: string): ResolvedTask | undefined {
    return this.#functions.get(id);
  }

  /** The ad-hoc run with this id has ended. */
  ended(id: string): void {
    const next = this.#next.get(id);
    if (next === undefined) this.#functions.delete(id);
    else this.#promote(id, next);
  }

  async #await(id: string, task: ResolvedTask, accepting: Promise<Accepted>): Promise<Accepted> {
    const over = accepting.then(ignore, ignore);
    this.#unanswered.set(id, over);
    try {
      return this.#answered(id, task, await accepting);
    } catch (error) {
      if (unconfirmedRunOf(error) === undefined) this.#takeBack(id, task);
      else this.#accepted(id, task); // it may still be delivered
      throw error;
    } finally {
      this.#unanswered.delete(id);
    }
  }

  #answered(id: string, task: ResolvedTask, accepted: Accepted): Accepted {
    if (accepted.replayed) this.#takeBack(id, task);
    else this.#accepted(id, task);
    return accepted;
  }

  #accepted(id: string, task: ResolvedTask): void {
    if (this.#next.get(id) === task) this.#promote(id, task);
  }

  #promote(id: string, task: ResolvedTask): void {
    this.#next.delete(id);
    this.#functions.set(id, task);
  }

  #takeBack(id: string, task: ResolvedTask): void {
    for (const functions of [this.#functions, this.#next]) if (functions.get(id) === task) functions.delete(id);
  }
}

function ignore(): void {
  // Whoever comes next only waits for the answer.
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
    crash: CRASH_DEFAULTS,
    children: 'fail-fast',
    hooks: {},
    handler: (_input, ctx) => fn(ctx),
  };
}
