import { inlineExecutor } from '../executors/inline/inline-executor.js';
import type { Timer } from '../ports/clock.js';
import type { Executor, ExecutorSource, ExecutorTools } from '../ports/executor.js';
import { show } from '../task/checks.js';
import type { ResolvedTask } from '../task/task.js';
import type { ModuleExecutor } from '../task/thread-module.js';
import { systemClock } from '../timing/system-clock.js';
import type { Places } from './slots.js';
import { StallWatch } from './stall-watch.js';

/** How long executors may take to end what is left. */
const CLOSE_MS = 200;

/** What executors are made with, and which. */
export interface ExecutorSettings extends ExecutorTools {
  readonly executors: readonly ExecutorSource[];
  /** How long inline handlers may hold up the event loop before that is told. */
  readonly stallMs: number;
}

/** What executes the handlers of one manager: each executor is opened by the first run that needs it. */
export class Executors {
  readonly #tools: ExecutorTools;
  readonly #inline: Executor;
  /** Those that the manager was given, then the defaults of the first task that needs one. */
  readonly #sources: Map<ModuleExecutor, ExecutorSource>;
  readonly #open = new Map<ModuleExecutor, Executor>();
  readonly #places = new Map<ModuleExecutor, Places>();
  #closed = false;

  constructor({ executors, stallMs, clock, logger }: ExecutorSettings) {
    this.#sources = new Map(executors.map((source) => [source.name, source]));
    this.#tools = { clock, logger };
    // By a clock that a test moves nobody could tell how long the loop stood still.
    const watched = stallMs < Infinity && clock === systemClock;
    this.#inline = watched ? new StallWatch(stallMs, clock) : inlineExecutor;
  }

  /** What executes the handlers of this task. */
  of(task: ResolvedTask): Executor {
    const { executor: name } = task;
    if (name === undefined) return this.#inline;
    let executor = this.#open.get(name);
    if (executor === undefined) {
      // It would be left behind.
      if (this.#closed) throw new Error('the manager has closed its executors');
      this.#open.set(name, (executor = this.#sourceOf(name, task).open(this.#tools)));
    }
    return executor;
  }

  /** The places that handlers of this task share with others; undefined where there are any number. */
  placesOf(task: ResolvedTask): Places | undefined {
    const { executor: name } = task;
    if (name === undefined) return undefined;
    let places = this.#places.get(name);
    if (places === undefined) this.#places.set(name, (places = { count: this.#sourceOf(name, task).places, taken: 0 }));
    return places;
  }

  /** Ends what the executors of this manager have left; waits a moment for work that nothing can end at once. */
  async close(): Promise<void> {
    this.#closed = true;
    void this.#inline.close?.();
    const closing = [...this.#open.values()].map(async (executor) => executor.close?.());
    if (closing.length === 0) return;
    let timer: Timer | undefined;
    const patience = new Promise<void>((resolve) => (timer = this.#tools.clock.after(CLOSE_MS, resolve)));
    await Promise.race([Promise.all(closing), patience]);
    timer?.cancel();
  }

  #sourceOf(name: ModuleExecutor, { module }: ResolvedTask): ExecutorSource {
    let source = this.#sources.get(name);
    if (source === undefined)
      this.#sources.set(name, (source = checkSource("a module's executor", module?.executors[name])));
    return source;
  }
}

/** @throws {TypeError} when one was not made by `threads()` or `processes()`. @throws {RangeError} when there are two of a kind. */
export function resolveExecutors(executors: unknown = []): readonly ExecutorSource[] {
  if (!Array.isArray(executors)) throw new TypeError(`executors must be an array; got ${show(executors)}`);
  const sources = Array.from(executors, (source: unknown) => checkSource('an executor', source));
  const names = sources.map(({ name }) => name);
  if (new Set(names).size < names.length)
    throw new RangeError('executors must hold one of a kind at most: one threads(), one processes()');
  return sources;
}

function checkSource(what: string, value: unknown): ExecutorSource {
  if (typeof value === 'object' && value !== null) {
    const { name, places, open } = value as Partial<Record<keyof ExecutorSource, unknown>>;
    if ((name === 'thread' || name === 'process') && typeof places === 'number' && typeof open === 'function')
      return value as ExecutorSource;
  }
  throw new TypeError(`${what} must be what threads() or processes() of errand/thread gives; got ${show(value)}`);
}
