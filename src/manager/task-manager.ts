import { checkDuration, checkName, checkOptions, checkSignal, show } from '../task/checks.js';
import type { CancelRequest, Run } from '../task/run.js';
import type { StreamedEvent } from '../task/run-event.js';
import type { AnyTask, Task } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import type { AdHocFunction } from './ad-hoc-functions.js';
import { listFilter } from './list-filter.js';
import { ManagerCore } from './manager-core.js';
import { countRuns } from './manager-counts.js';
import type {
  AdHocOptions,
  CloseReport,
  EventsOptions,
  FireAndForgetFunctionOptions,
  FireAndForgetOptions,
  ListQuery,
  ManagerCounts,
  ManagerOptions,
  RunPage,
  StartArguments,
  StartOptions,
} from './manager-options.js';
import { Queues } from './queues.js';
import { resolveOptions, takeBackend } from './resolve-options.js';
import type { RunHandle } from './run-handle.js';
import { type RunTree, treeOf } from './run-tree.js';
import { Schedules } from './schedules.js';
import { rejected, toldByPromise } from './told-by-promise.js';

let coreOf: (manager: TaskManager) => ManagerCore;

/**
 * Starts long work, watches it, cancels it. Runs are in the memory of this process unless a `backend` keeps them elsewhere.
 *
 * Methods that answer with a promise never throw synchronously. Wrong option values reject (or for `register` and the
 * constructor throw) with a `TypeError` or `RangeError` that says what was expected.
 */
export class TaskManager implements AsyncDisposable {
  /** The queues that runs wait in: pause, resume, list. */
  readonly queues: Queues;
  /** What starts runs at set times: put, list, pause, trigger. */
  readonly schedules: Schedules;
  #options: ManagerOptions;
  #configured: boolean;
  #core: ManagerCore | undefined;

  static {
    coreOf = (manager) => manager.#use();
  }

  /**
   * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range, or when nobody would ever
   * handle what is started (`work: false` in memory).
   * @throws {TaskError} BACKEND when another manager was given this backend.
   */
  constructor(options?: ManagerOptions) {
    this.#options = options ?? {};
    this.#configured = options !== undefined;
    resolveOptions(this.#options);
    takeBackend(this.#options);
    this.queues = new Queues(async () => {
      await this.open();
      return this.#use().backend;
    });
    this.schedules = new Schedules(() => this.#use());
  }

  /**
   * Sets the options of a manager that was made without any, such as the singleton `taskManager`: once, before its
   * first use.
   *
   * @throws {TypeError|RangeError} when an option is wrong. @throws {TaskError} BACKEND when another manager was given this
   * backend. @throws {Error} when it has options already, or was used.
   */
  configure(options: ManagerOptions): void {
    if (this.#configured || this.#core !== undefined) {
      throw new Error(
        'configure() must be called once, before the first use of a manager that was made without options',
      );
    }
    resolveOptions(options);
    takeBackend(options);
    this.#options = options;
    this.#configured = true;
  }

  /** Opens resources and backend, and begins to work. The first `start` does it; call it to see errors early. */
  async open(): Promise<void> {
    await this.#use().open();
  }

  /**
   * For health checks: opens the backend where nobody has, and asks its server, if any.
   * @throws {TaskError} BACKEND when runs cannot be started and read now.
   */
  async check(): Promise<void> {
    await this.#use().check();
  }

  /**
   * Starts a run of a task. It is accepted when the promise resolves; its handler is called when it is due and a slot is
   * free, never within this call: code that does not await meanwhile can still cancel it.
   *
   * @throws {TaskError} INPUT_INVALID when the schema refuses the input (`details.issues`); RUN_CONFLICT when the id is
   * active; KEY_REUSED when the key was used for something else; QUEUE_FULL when `queueLimit` runs wait or inputs take as
   * much memory as they may (`memory`'s `maxBytes`); MANAGER_CLOSED.
   */
  start<Input, Result>(task: Task<Input, Result>, ...rest: StartArguments<Input>): Promise<RunHandle<Result>>;
  /** Starts a function of this process under an id: an ad-hoc run. Otherwise as for a task. */
  start<Result>(
    id: string,
    fn: (ctx: TaskContext) => Result | PromiseLike<Result>,
    options?: AdHocOptions,
  ): Promise<RunHandle<Result>>;
  start(what: AnyTask | string, input?: unknown, options?: StartOptions | AdHocOptions): Promise<RunHandle<unknown>> {
    // Not by toldByPromise: for very many starts its callback costs. What is no function is refused there, by name.
    try {
      if (typeof what === 'string')
        return Promise.resolve(this.#use().starter.startFunction(what, input as AdHocFunction, options));
      const task = this.#use().registry.register(what);
      return Promise.resolve(this.#use().start({ task, name: task.name, input }, options));
    } catch (error) {
      return rejected(error);
    }
  }

  /**
   * Starts a run of the task that is registered under this name, with an input that nobody has looked at yet.
   *
   * @throws {TaskError} TASK_UNKNOWN, and all that `start` throws.
   */
  startNamed(name: string, input?: unknown, options?: StartOptions): Promise<RunHandle<unknown>> {
    return toldByPromise(() => {
      const task = this.#use().registry.get(name);
      return this.#use().start({ task, name, input }, options);
    });
  }

  /**
   * Starts what nobody waits for. A start that is refused and a run that fails are logged and counted (`counts()`), and
   * reject nowhere. `close` waits for it within its grace.
   *
   * @throws {TypeError|RangeError} when it is no task and no function, or another task has its name.
   */
  fireAndForget<Input, Result>(task: Task<Input, Result>, ...rest: StartArguments<Input, FireAndForgetOptions>): void;
  fireAndForget(fn: (ctx: TaskContext) => unknown, options?: FireAndForgetFunctionOptions): void;
  fireAndForget(what: AnyTask | AdHocFunction, second?: unknown, options?: FireAndForgetOptions): void {
    this.#use().fireAndForget.start(what, second, options);
  }

  /**
   * Makes a task known by its name.
   *
   * @throws {TypeError} when it was not made by `defineTask`; @throws {RangeError} when another task has its name.
   */
  register(task: AnyTask): void {
    this.#use().register(task);
  }

  /** Whether a task is registered under this name. */
  hasTask(name: string): boolean {
    return this.#use().registry.find(name) !== undefined;
  }

  /** A handle for a run, there or not, typed by its task where that is given. @throws {RangeError} for a malformed id. */
  handle(id: string): RunHandle<unknown>;
  handle<Input, Result>(task: Task<Input, Result>, id: string): RunHandle<Result>;
  handle(first: AnyTask | string, second?: string): RunHandle<unknown> {
    return this.#use().handle(checkName('id', typeof first === 'string' ? first : second));
  }

  /** The run as it is now; undefined where there is none (any more). */
  async get(id: string): Promise<Run | undefined> {
    return (await this.#use().find(id))?.snapshot();
  }

  /** The run and those below it whose records are kept, at most 1,000 in all; undefined where there is no such run. */
  tree(id: string): Promise<RunTree | undefined> {
    return treeOf(this.#use(), id);
  }

  /** Runs, newest first. @throws {TypeError|RangeError} when a member of the query is malformed. */
  async list(query: ListQuery = {}): Promise<RunPage> {
    const filter = listFilter(query);
    await this.open();
    return this.#use().backend.list(filter);
  }

  /**
   * Asks a run to stop: a waiting one is `cancelled` at once and its handler never called; a running one is
   * `cancelling`, and its signal aborts in this turn of the event loop; an ended one stays as it is.
   *
   * @param reason at most 500 characters, shown to whoever looks at the run.
   * @returns the run after the request; undefined where there is none.
   */
  cancel(id: string, reason?: string | CancelRequest): Promise<Run | undefined> {
    return this.#use().cancel(id, reason);
  }

  /**
   * Starts a failed run again: a new run with the same task, input, priority, tags and owner.
   *
   * @throws {TaskError} RUN_NOT_FOUND; RUN_CONFLICT when it has not failed, was redriven before, or is no run of a task.
   */
  redrive(id: string): Promise<RunHandle<unknown>> {
    return this.#use().redrive(id);
  }

  /** How many runs there are of each status, and handlers at work. */
  counts(): Promise<ManagerCounts> {
    return countRuns(this.#use());
  }

  /**
   * What happens from now on, to one run or to all. A reader that falls more than 1,000 events behind gets one `run:gap`
   * and goes on. For one run, the first read rejects with `RUN_NOT_FOUND` where there is none.
   *
   * @throws {TypeError} when an option is unknown, or `signal` no AbortSignal.
   */
  events(options: EventsOptions = {}): AsyncIterable<StreamedEvent> {
    checkOptions("events' options", options, ['id', 'signal']);
    checkSignal(options.signal);
    return this.#use().events(options.id, undefined, options.signal);
  }

  /** True from the call of `close`: starts are refused, everything else answers. */
  get closing(): boolean {
    return this.#core?.closing ?? false;
  }

  /**
   * Stops in steps. No run begins any more, but for those promised to follow a response or by `fireAndForget`, and
   * waiting ones end as `cancelled`; those at work may finish within `graceMs`; then their signals abort, and 250 ms later
   * those still at work end as `failed` `RUN_INTERRUPTED`. Ends within `graceMs` + 1 s. A second call gives the same promise.
   *
   * @param options.graceMs the manager's `graceMs` unless given
   */
  async close(options: { readonly graceMs?: number } = {}): Promise<CloseReport> {
    checkOptions("close's options", options, ['graceMs']);
    const core = this.#use();
    return core.close(checkDuration('graceMs', options.graceMs ?? core.options.graceMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #use(): ManagerCore {
    return (this.#core ??= new ManagerCore(resolveOptions(this.#options)));
  }
}

/** The parts behind a manager, for the floors above it. Not exported from the package. */
export function managerCore(manager: TaskManager): ManagerCore {
  if (manager instanceof TaskManager) return coreOf(manager);
  throw new TypeError(`manager must be a TaskManager of this copy of errand; got ${show(manager)}`);
}

/** The manager of this process. Set its options with `configure`, once, before its first use. */
export const taskManager = new TaskManager();
