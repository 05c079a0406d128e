import { checkName } from '../task/checks.js';
import type { Logger } from '../ports/logger.js';
import type { MaybePromise } from '../ports/backend.js';
import type { AnyTask, TaskLimits } from '../task/task.js';
import { type AdHocFunction, adHocTask, isAdHocFunction } from './ad-hoc-functions.js';
import type {
  FireAndForgetCounts,
  FireAndForgetFunctionOptions,
  FireAndForgetOptions,
  StartOptions,
} from './manager-options.js';
import type { OwedWork } from './owed-work.js';
import type { RunHandle } from './run-handle.js';
import type { RunStarter } from './run-starter.js';
import { checkAdHocOptions, type Start } from './start-request.js';
import type { TaskRegistry } from './task-registry.js';

/** What {@link FireAndForget} asks its manager for. */
export interface FireAndForgetSource {
  readonly registry: TaskRegistry;
  readonly owed: OwedWork;
  readonly options: { readonly logger: Logger | undefined };
  readonly backend: { readonly durable: boolean };
  readonly starter: Pick<RunStarter, 'newId'>;
  start(start: Start, options: StartOptions | undefined): MaybePromise<RunHandle<unknown>>;
}

/** The hard limit of what says nothing of time, in milliseconds. */
const HARD_LIMIT_MS = 60_000;

/** Starts what nobody waits for: the logger is told what goes wrong, and the close of the manager waits instead. */
export class FireAndForget {
  readonly #source: FireAndForgetSource;
  readonly #counts = { started: 0, refused: 0, failed: 0, pending: 0 };

  constructor(source: FireAndForgetSource) {
    this.#source = source;
  }

  get counts(): FireAndForgetCounts {
    return { ...this.#counts };
  }

  /**
   * @param second a task's input, or the options of a function
   * @throws {TypeError|RangeError} when it is no task and no function, or another task has its name.
   */
  start(what: AnyTask | AdHocFunction, second: unknown, options: FireAndForgetOptions = {}): void {
    if (isAdHocFunction(what)) this.#startFunction(what, second ?? {});
    else this.#startTask(what, second, options);
  }

  #startTask(what: AnyTask, input: unknown, options: FireAndForgetOptions): void {
    const task = this.#source.registry.register(what);
    void this.#start(task.name, () => {
      const own = task.limits.hardLimitMs;
      const { hardLimitMs = own ?? bound(task.limits), ...others } = options;
      return [
        { task, name: task.name, input },
        { ...others, hardLimitMs },
      ];
    });
  }

  #startFunction(fn: AdHocFunction, options: FireAndForgetFunctionOptions): void {
    void this.#start(null, () => {
      const { name = 'fire-and-forget', hardLimitMs = bound(options), ...others } = options;
      const limited = { ...others, hardLimitMs };
      checkAdHocOptions(limited);
      const id = `${checkName('name', name)}:${this.#source.starter.newId()}`;
      return [
        { task: adHocTask(fn, limited), name: null, input: undefined },
        { ...limited, id },
      ];
    });
  }

  async #start(name: string | null, prepare: () => readonly [Start, StartOptions]): Promise<void> {
    const { owed, options } = this.#source;
    const release = owed.owe(name, () => {
      options.logger?.warn({ task: name }, 'The manager closes before a run has ended that was fired and forgotten');
    });
    this.#counts.pending += 1;
    try {
      await this.#begin(prepare(), release);
    } catch (err) {
      this.#counts.refused += 1;
      options.logger?.error({ task: name, err }, 'A run that was fired and forgotten could not be started');
    } finally {
      release();
      this.#counts.pending -= 1;
    }
  }

  async #begin([start, options]: readonly [Start, StartOptions], release: () => void): Promise<void> {
    const run = await this.#source.start({ ...start, owed: true }, options);
    this.#counts.started += 1;
    if (this.#canWait(start, options)) release();
    const { status } = await run.settled().catch(() => GONE_ON);
    if (status === 'failed') this.#counts.failed += 1;
  }

  /** A run that is kept goes on in a later process; one that is not due yet would hold the close up for nothing. */
  #canWait({ name }: Start, { delayMs = 0 }: StartOptions): boolean {
    return delayMs > 0 || (name !== null && this.#source.backend.durable);
  }
}

/** The manager was closed: another process ends the run. */
const GONE_ON = { status: 'queued' };

/** What bounds an attempt of what says nothing of a hard limit. */
function bound({ softLimitMs = 0 }: TaskLimits): number {
  return Math.max(HARD_LIMIT_MS, softLimitMs);
}
