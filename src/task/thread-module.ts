import { show } from './checks.js';
import type { TaskContext } from './task-context.js';

/** Where a handler that lives in a module of its own executes: in a thread of this process, or in a process of its own. */
export type ModuleExecutor = 'thread' | 'process';

/**
 * What a handler in a thread or in a process of its own is given beside its input: what an inline one is given, but for
 * what cannot leave the process of its manager (`start`, `step`, `resources`, `file`). Every member can be taken out.
 */
export type ThreadContext = Pick<
  TaskContext,
  'runId' | 'attempt' | 'itemIndex' | 'signal' | 'deadlineAt' | 'idempotencyKey' | 'log' | 'progress'
>;

/** Does the work in a thread or a process of its own: the `default` export, or `handler`, of a module. */
export type ThreadHandler<Input, Result> = (input: Input, ctx: ThreadContext) => Result | PromiseLike<Result>;

declare const types: unique symbol;

/** A module that holds a task's handler: what `threadModule()` of `errand/thread` gives. */
export interface ThreadModule<in Input, out Result> {
  /** Where it is: a `file:` URL. */
  readonly href: string;
  /** What executes it where its manager was not given an executor of that name. */
  readonly executors: Readonly<Record<ModuleExecutor, object>>;
  /** Never there at run time: carries the types. */
  readonly [types]?: (input: Input) => Result;
}

/** @throws {TypeError} when `value` was not made by `threadModule()`. */
export function checkModule(value: unknown): ThreadModule<never, unknown> {
  if (isModule(value)) return value;
  throw new TypeError(
    `module must be what threadModule() of errand/thread gives, for example threadModule(new URL('./resize.js', import.meta.url)); got ${show(value)}`,
  );
}

function isModule(value: unknown): value is ThreadModule<never, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const executors: unknown = Reflect.get(value, 'executors');
  return typeof Reflect.get(value, 'href') === 'string' && typeof executors === 'object' && executors !== null;
}
