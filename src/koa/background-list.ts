import type { AsyncLocalStorage } from 'node:async_hooks';
import { type AdHocFunction, adHocTask, isAdHocFunction } from '../manager/ad-hoc-functions.js';
import type { ManagerCore } from '../manager/manager-core.js';
import type { StartArguments, StartOptions } from '../manager/manager-options.js';
import { checkAdHocOptions, type Start } from '../manager/start-request.js';
import { checkName } from '../task/checks.js';
import type { AnyTask, Task } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import {
  type BackgroundFunctionOptions,
  type BackgroundOptions,
  type ItemOptions,
  splitItemOptions,
} from './background-options.js';

/** What is to run after the response of one request. */
export interface Background {
  /**
   * Adds a run of a task: it is started when the response has been sent and, unless it is `parallel`, those added before
   * have ended. The input is stored then: leave it as it is.
   *
   * @throws {TypeError|RangeError} when an option is wrong, or the request has 1,000 already.
   */
  add<Input, Result>(task: Task<Input, Result>, ...rest: StartArguments<Input, BackgroundOptions>): void;
  /** Adds a function of this process, otherwise as a task. */
  add(fn: (ctx: TaskContext) => unknown, options?: BackgroundFunctionOptions): void;
}

/** What a {@link BackgroundList} works with. */
export interface BackgroundParts {
  readonly core: ManagerCore;
  readonly current: AsyncLocalStorage<Background | undefined>;
  /** Whether items are `parallel` that do not say so. */
  readonly parallel: boolean;
  /** The request, for the log. */
  readonly request: { readonly method: string | undefined; readonly path: string };
}

interface Item extends Required<ItemOptions> {
  readonly start: Start;
  readonly options: StartOptions;
  /** The close of the manager waits no longer for it. */
  readonly release: () => void;
}

const MAX_ITEMS = 1_000;

/** Collects while the request is handled, and runs one item after the other from then on. */
export class BackgroundList implements Background {
  readonly #parts: BackgroundParts;
  #waiting: Item[] = [];
  #added = 0;
  /** `failed`: what is only for success is left out. */
  #request: 'open' | 'succeeded' | 'failed' = 'open';
  #running = false;

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
  }

  add(what: AnyTask | AdHocFunction, second?: unknown, options: BackgroundOptions = {}): void {
    if (this.#added >= MAX_ITEMS)
      throw new RangeError(`a request may add at most ${MAX_ITEMS} runs; give many to one task, as its input`);
    if (isAdHocFunction(what)) this.#addFunction(what, second ?? {});
    else this.#addTask(what, second, options);
    this.#added += 1;
    if (this.#request !== 'open') this.#goOn();
  }

  /** The response has been sent, or nobody is there any more to whom it could be. */
  begin(failed: boolean): void {
    this.#request = failed ? 'failed' : 'succeeded';
    this.#goOn();
  }

  #addTask(what: AnyTask, input: unknown, given: BackgroundOptions): void {
    const { core, parallel } = this.#parts;
    const [mine, options] = splitItemOptions(given, parallel);
    const task = core.registry.register(what);
    this.#put({ task, name: task.name, input, owed: true }, options, mine);
  }

  #addFunction(fn: AdHocFunction, given: BackgroundFunctionOptions): void {
    const { core, current, parallel } = this.#parts;
    const [mine, { name = 'after-response', ...options }] = splitItemOptions(given, parallel);
    checkAdHocOptions(options);
    // What it adds in turn, without a ctx, belongs to the same request.
    const task = adHocTask((ctx) => current.run(this, () => fn(ctx)), options);
    const id = `${checkName('name', name)}:${core.starter.newId()}`;
    this.#put({ task, name: null, input: undefined, owed: true }, { ...options, id }, mine);
  }

  #put(start: Start, options: StartOptions, mine: Required<ItemOptions>): void {
    const { core, request } = this.#parts;
    core.starter.check(start, options);
    const release = core.owed.owe(start.name, () => {
      const fields = { task: start.name, ...request };
      core.options.logger?.warn(fields, 'The manager closes before a run has ended that was to follow a response');
    });
    this.#waiting.push({ ...mine, start, options, release });
  }

  #goOn(): void {
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
      if (this.#request === 'failed' && item.when === 'success') item.release();
      else if (item.parallel) void this.#do(item);
      else await this.#do(item);
    }
    this.#running = false;
  }

  /** Never rejects. That the run itself has failed is logged as for every other run. */
  async #do({ start, options, release }: Item): Promise<void> {
    const { core, request } = this.#parts;
    try {
      const run = await core.start(start, options);
      // What is not due yet holds up nobody: neither those behind it nor the close of the manager.
      if (options.delayMs !== undefined && options.delayMs > 0) return;
      // Where the manager closes first, another process ends it.
      await run.settled().catch(() => undefined);
    } catch (err) {
      const fields = { task: start.name, ...request, err };
      core.options.logger?.error(fields, 'A run that was to follow a response could not be started');
    } finally {
      release();
    }
  }
}
