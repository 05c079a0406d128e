import type { AnyTask, Task } from './any-task.js';
import { checkDuration, checkInteger, checkName, checkOptions, checkPriority, show } from './checks.js';
import { type ChildPolicy, checkChildPolicy } from './child-policy.js';
import { type CrashPolicy, resolveCrashPolicy } from './crash-policy.js';
import { resolveRetryPolicy, type ResolvedRetryPolicy, type RetryPolicy } from './retry-policy.js';
import type { Run } from './run.js';
import type { StandardSchema } from './standard-schema.js';
import type { TaskContext } from './task-context.js';
import { checkModule, type ModuleExecutor, type ThreadModule } from './thread-module.js';
import { withoutLostRejections } from './zod-schema.js';

export type { AnyTask, Task } from './any-task.js';

/**
 * At most `count` attempts begin within any `perMs` milliseconds in one process; the others wait. In a fleet, moreover, at
 * most `count` in each window of `perMs` in all processes together; a window begins with the first attempt after the last.
 */
export interface RateLimit {
  /** 1 to 100,000. */
  readonly count: number;
  /** 1 ms to one day. */
  readonly perMs: number;
}

/** What bounds each attempt of a task, and all of them together. */
export interface TaskLimits {
  /**
   * How many handlers of this task are at work at once: in this process, and in a fleet in all processes together (but
   * items of imports count in their process only). No limit but the manager's unless given.
   */
  readonly concurrency?: number;
  readonly rate?: RateLimit;
  /** After so long from its start the attempt's signal aborts with a `TimeLimitError`; what the handler does then decides. */
  readonly softLimitMs?: number;
  /** After so long from its start the attempt has failed with `TIME_LIMIT`, whatever its handler does. */
  readonly hardLimitMs?: number;
}

/** Called after a run has ended. One that throws or rejects is logged and changes nothing. */
export interface RunHooks {
  /** After every final status. */
  readonly onSettled?: (run: Run) => unknown;
  /** After `failed`, with what the last attempt threw; before `onSettled`. */
  readonly onFailed?: (run: Run, error: unknown) => unknown;
}

/** Does the work. May be asynchronous; what it returns is the run's result, what it throws fails the attempt. */
export type TaskHandler<Output, Result> = (input: Output, ctx: TaskContext) => Result | PromiseLike<Result>;

/** What {@link defineTask} takes, whatever executes the handler. */
export interface TaskSettings<Input, Output> extends RunHooks {
  readonly name: string;
  /** Any Standard Schema (zod, valibot, arktype …), also an asynchronous one. Without one, every input is taken as it is. */
  readonly input?: StandardSchema<Input, Output>;
  /** Where its runs wait. Default `'default'`. */
  readonly queue?: string;
  /** The priority of runs that name none: -1000 to 1000, higher goes first. Default 0. */
  readonly priority?: number;
  /** One attempt unless given. */
  readonly retry?: RetryPolicy;
  readonly limits?: TaskLimits;
  /**
   * Where runs are durable, and the process dies while the handler is at work: `'retry'`, the default, makes the
   * attempt again; `'fail'` ends the run as `RUN_INTERRUPTED`, for work that must not be done twice.
   */
  readonly onCrash?: CrashPolicy['onCrash'];
  /** How many processes may die at one run before it ends as `CRASHED`: 0 to 1,000. Default 3. */
  readonly maxCrashes?: number;
  /**
   * What becomes of the other children of a run when one has failed and nobody handles it: `'fail-fast'`, the default,
   * aborts the run's signal and cancels them; `'collect'` lets them end first. The attempt fails with `CHILD_FAILED` either way.
   */
  readonly children?: ChildPolicy;
}

/** What {@link defineTask} takes for a handler that executes on the event loop of this process. */
export interface TaskDefinition<Input, Output, Result> extends TaskSettings<Input, Output> {
  readonly executor?: 'inline';
  readonly handler: TaskHandler<Output, Result>;
}

/** What {@link defineTask} takes for a handler that lives in a module of its own. */
export interface ModuleTaskDefinition<Input, Output, Result> extends TaskSettings<Input, Output> {
  /** `'thread'`: can be ended in the middle of a loop. `'process'`: has memory of its own, too. */
  readonly executor: ModuleExecutor;
  /** What `threadModule()` of `errand/thread` gives. */
  readonly module: ThreadModule<Output, Result>;
}

/** A {@link TaskDefinition} that was checked, with every default filled in. */
export interface ResolvedTask {
  readonly name: string;
  readonly input: StandardSchema | undefined;
  readonly queue: string;
  readonly priority: number;
  readonly retry: ResolvedRetryPolicy;
  readonly limits: TaskLimits;
  readonly crash: CrashPolicy;
  readonly children: ChildPolicy;
  readonly hooks: RunHooks;
  /** What executes the handler; undefined for the event loop. */
  readonly executor?: ModuleExecutor | undefined;
  /** Where the handler lives that an executor calls. */
  readonly module?: ThreadModule<never, unknown> | undefined;
  /** Called on the event loop; that of a module's task only says that it cannot be. */
  readonly handler: TaskHandler<unknown, unknown>;
}

/** What each task means. Kept beside the task, so that the object a user holds has nothing to tamper with. */
const definitions = new WeakMap<AnyTask, ResolvedTask>();

const KNOWN = [
  'name',
  'input',
  'queue',
  'priority',
  'retry',
  'limits',
  'onCrash',
  'maxCrashes',
  'children',
  'executor',
  'module',
  'handler',
  'onSettled',
  'onFailed',
];
const KNOWN_LIMITS = ['concurrency', 'rate', 'softLimitMs', 'hardLimitMs'];

/**
 * Defines a task: named, typed, validated, ready to be started by any number of managers.
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range, or when the executor and
 * what it executes do not go together; the message says what was expected.
 */
export function defineTask<Input, Result>(
  definition: ModuleTaskDefinition<Input, Input, Result> & { readonly input?: never },
): Task<Input, Result>;
export function defineTask<Input, Output, Result>(
  definition: ModuleTaskDefinition<Input, Output, Result> & { readonly input: StandardSchema<Input, Output> },
): Task<Input, Result>;
export function defineTask<Result, Input = unknown, Output = Input>(
  definition: TaskDefinition<Input, Output, Result>,
): Task<Input, Result>;
export function defineTask<Result, Input, Output>(
  definition: TaskDefinition<Input, Output, Result> | ModuleTaskDefinition<Input, Output, Result>,
): Task<Input, Result> {
  checkOptions('a task', definition, KNOWN);
  const { name, input, queue = 'default', priority = 0, retry, limits = {}, onSettled, onFailed } = definition;
  checkName("a task's name", name);
  checkSchema(input);
  const executed = resolveExecuted(definition);
  for (const [what, hook] of Object.entries({ onSettled, onFailed })) if (hook !== undefined) checkFunction(what, hook);
  const children = checkChildPolicy("a task's children", definition.children);
  const task: Task<Input, Result> = Object.freeze({ name });
  definitions.set(task, {
    name,
    input: input && withoutLostRejections(input),
    queue: checkName("a task's queue", queue),
    priority: checkPriority(priority),
    retry: resolveRetryPolicy(retry),
    limits: resolveLimits(limits),
    crash: resolveCrashPolicy(definition),
    children,
    hooks: { ...(onSettled && { onSettled }), ...(onFailed && { onFailed }) },
    ...executed,
  });
  return task;
}

/** What is executed, and where. */
type Executed = Pick<ResolvedTask, 'executor' | 'module' | 'handler'>;

/** What callers give may be anything, whatever the types say. */
interface GivenExecution {
  readonly executor?: unknown;
  readonly module?: unknown;
  readonly handler?: unknown;
}

function resolveExecuted({ executor = 'inline', module, handler }: GivenExecution): Executed {
  if (executor === 'inline') {
    if (module !== undefined)
      throw new TypeError("a task with a module needs executor: 'thread' or executor: 'process'");
    checkFunction('handler', handler);
    // Its input was parsed by the task's own schema, which TypeScript cannot see from here.
    return { handler: handler as TaskHandler<unknown, unknown> };
  }
  if (executor !== 'thread' && executor !== 'process')
    throw new TypeError(`executor must be 'inline', 'thread' or 'process'; got ${show(executor)}`);
  if (handler !== undefined)
    throw new TypeError(
      `a task with executor: '${executor}' takes a module instead of a handler: a function cannot leave its thread`,
    );
  return { executor, module: checkModule(module), handler: notInline };
}

function notInline(): never {
  throw new TypeError('the handler of this task lives in a module, and is called in a thread or process of its own');
}

/**
 * What a task was defined as.
 *
 * @throws {TypeError} when `task` was not made by {@link defineTask}.
 */
export function resolveTask(task: AnyTask): ResolvedTask {
  const resolved = typeof task === 'object' && (task as AnyTask | null) !== null ? definitions.get(task) : undefined;
  if (resolved) return resolved;
  throw new TypeError(`a task must be made by defineTask(); got ${show(task)}`);
}

/**
 * Checks time limits, concurrency and rate.
 *
 * @throws {TypeError|RangeError} when one is unknown, of the wrong type or out of range.
 */
export function resolveLimits(limits: TaskLimits): TaskLimits {
  checkOptions('limits', limits, KNOWN_LIMITS);
  const { concurrency, rate, softLimitMs, hardLimitMs } = limits;
  if (concurrency !== undefined) checkInteger('limits.concurrency', concurrency, { min: 1 });
  if (softLimitMs !== undefined) checkDuration('limits.softLimitMs', softLimitMs, { min: 1 });
  if (hardLimitMs !== undefined) checkDuration('limits.hardLimitMs', hardLimitMs, { min: 1 });
  if (softLimitMs !== undefined && hardLimitMs !== undefined && softLimitMs > hardLimitMs) {
    throw new RangeError(`limits.softLimitMs (${softLimitMs}) must not be above limits.hardLimitMs (${hardLimitMs})`);
  }
  if (rate !== undefined) {
    checkOptions('limits.rate', rate, ['count', 'perMs']);
    checkInteger('limits.rate.count', rate.count, { min: 1, max: 100_000 });
    checkDuration('limits.rate.perMs', rate.perMs, { min: 1, max: 86_400_000 });
  }
  return { ...limits };
}

function checkSchema(schema: unknown): void {
  if (schema === undefined) return;
  const standard: unknown = isObject(schema) ? Reflect.get(schema, '~standard') : undefined;
  if (isObject(standard) && typeof Reflect.get(standard, 'validate') === 'function') return;
  throw new TypeError(`a task's input must be a Standard Schema, for example z.object({ … }); got ${show(schema)}`);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function checkFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${what} must be a function; got ${show(value)}`);
}
