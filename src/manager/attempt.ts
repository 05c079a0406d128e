import type { MaybePromise, StoredRun } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { AnyTask } from '../task/any-task.js';
import type { ChildHandle } from '../task/child-handle.js';
import { CancelledError, isTaskError, steering, TaskError, TimeLimitError } from '../task/errors.js';
import type { Resources } from '../task/resources.js';
import type { CancelledRequest } from '../task/run.js';
import type { FileOptions, FileResult, FileSource } from '../task/file-result.js';
import type { LogLevel } from '../task/run-event.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { isThenable } from '../task/thenable.js';
import { LazyAbort } from '../timing/lazy-abort.js';
import type { QueuedTimer } from '../timing/timer-queue.js';
import type { ContextSource } from './attempt-context.js';
import type { AttemptTools, ForcedEnd } from './attempt-tools.js';
import { parseInput } from './parse-input.js';
import { StoppableWork } from './stoppable-work.js';
import { whenSettled } from './when-settled.js';
import { whyItFailed } from './why-it-failed.js';

/**
 * One attempt: calls the handler in one guarded place, keeps its time limits, passes cancels on to its signal, and
 * says exactly once how it ended and exactly once that the handler has settled. In that order, or both at once.
 */
export abstract class Attempt<Tools extends AttemptTools = AttemptTools> implements ContextSource {
  readonly task: ResolvedTask;
  protected readonly tools: Tools;
  /** Made when it is needed: most attempts are over before anybody looks at their signal. */
  #abort: LazyAbort | undefined;
  /** Limits and grace; most attempts have none. */
  #timers: QueuedTimer[] | undefined;
  #timeLimit: TimeLimitError | undefined;
  #interrupted = false;
  #begun = false;
  #ended = false;
  #deadlineAt: number | null = null;
  #stoppable: StoppableWork | undefined;

  constructor(task: ResolvedTask, tools: Tools) {
    this.task = task;
    this.tools = tools;
  }

  abstract get run(): StoredRun;
  abstract get runId(): string;
  abstract get idempotencyKey(): string;
  abstract tellProgress(done: number, total: number | null, note: string | null): void;
  abstract writeLog(level: LogLevel, message: string): void;
  abstract storeFile(name: string, source: FileSource, options: FileOptions | undefined): Promise<FileResult>;
  abstract keepCheckpoint(checkpoint: Checkpoint): MaybePromise<boolean>;
  abstract startChild(task: AnyTask, input: unknown, options: unknown): Promise<ChildHandle<unknown>>;
  abstract step(key: string, fn: () => unknown): Promise<unknown>;

  get signal(): AbortSignal {
    return this.#lazyAbort.signal;
  }

  get resources(): Resources {
    return this.tools.resources.values;
  }

  /** Asked without making the signal. */
  protected get aborted(): boolean {
    return this.#abort?.aborted === true;
  }

  /** When the first time limit runs out, in epoch milliseconds. */
  get deadlineAt(): number | null {
    return this.#deadlineAt;
  }

  protected get hardLimitMs(): number | undefined {
    return this.task.limits.hardLimitMs;
  }

  /** The limit that has run out; undefined where none has. */
  protected get timeLimit(): TimeLimitError | undefined {
    return this.#timeLimit;
  }

  /** Whether the manager has closed before its handler was done. */
  protected get interrupted(): boolean {
    return this.#interrupted && this.#timeLimit === undefined;
  }

  /** Whether the attempt is over, for everybody but perhaps its handler. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What the handler is to see: a `CancelledError`, and `graceMs` later the end. */
  protected cancelWithin(request: CancelledRequest, graceMs: number): void {
    if (this.#ended) return;
    this.#after(graceMs, () => this.#stopOrForce('grace'));
    this.abort(new CancelledError(request));
  }

  /** The manager closes: the handler sees a `TaskError` `RUN_INTERRUPTED`. */
  interrupt(): void {
    if (this.#ended) return;
    this.#interrupted = true;
    this.abort(new TaskError('RUN_INTERRUPTED', 'The manager is closing'));
  }

  /** The manager has closed: ends the attempt without its handler. */
  abandon(): void {
    this.#stopOrForce('interrupted');
  }

  /**
   * Somebody else may hold the run by now. An attempt that has not begun never will; one that can be ended by force is.
   *
   * @returns whether something is still to be said about it.
   */
  protected abortLost(graceMs: number): boolean {
    this.abort(new TaskError('LEASE_LOST', 'The lease of this run was lost; another process may run it'));
    if (this.#stoppable !== undefined && !this.#ended) this.#after(graceMs, () => this.#stopOrForce('interrupted'));
    if (this.#begun) return true;
    this.#begun = true;
    if (this.close()) return false;
    this.threw(this.#abort?.reason);
    return true;
  }

  /** Parses the input, calls the handler. Never throws. */
  protected call(input: unknown, ctx: TaskContext): void {
    if (this.#begun) return;
    this.#begun = true;
    // Its grace was over before the backend let it begin.
    if (this.#ended) {
      this.threw(this.#abort?.reason);
      return;
    }
    this.#startTimers();
    const parsed = parseInput(this.task.input, input);
    if (parsed instanceof Promise) {
      parsed.then(
        (value) => this.#execute(value, ctx),
        (error: unknown) => this.#refused(error),
      );
    } else if (parsed.ok) this.#execute(parsed.value, ctx);
    else this.#refused(parsed.error);
  }

  /** Called after the signal has aborted, in the same turn. */
  protected abstract onAborted(reason: unknown): void;
  /** The handler returned; the attempt had not ended yet. */
  protected abstract onReturned(value: unknown): void;
  /** The handler threw, or a time limit made it fail; `interrupted` where the manager's closing made it stop. */
  protected abstract onThrew(error: unknown, interrupted: boolean): void;
  /** The attempt is over, its handler is still at work. */
  protected abstract onForced(end: ForcedEnd, error: TimeLimitError | undefined): void;
  /** The handler has settled after the attempt was over: its value or error concerns nobody. */
  protected abstract onLate(): void;

  #execute(input: unknown, ctx: TaskContext): void {
    // Cancelled, or over, while an asynchronous schema looked at the input: the handler need not begin.
    if (this.#ended || this.aborted) {
      this.threw(this.#abort?.reason);
      return;
    }
    let returned: unknown;
    try {
      const executor = this.tools.executorOf(this.task);
      returned = executor.execute(this.task, input, ctx);
      if (isThenable(returned)) {
        if (executor.stop !== undefined) this.#stoppable = new StoppableWork(executor, ctx, this.tools.timers);
        whenSettled(
          returned,
          (value) => this.#settled(() => this.returned(value)),
          (error: unknown) => this.#settled(() => this.threw(error)),
        );
        return;
      }
    } catch (error) {
      this.threw(error);
      return;
    }
    this.returned(returned);
  }

  /** The same input would be refused again; it is another matter where a handler passes such an error on. */
  #refused(error: unknown): void {
    this.threw(isTaskError(error) ? steering(error) : error);
  }

  /** The handler has returned: the attempt ends. */
  protected returned(value: unknown): void {
    if (this.close()) this.onReturned(value);
    else this.onLate();
  }

  /** The handler has thrown: the attempt ends. */
  protected threw(error: unknown): void {
    if (this.close()) this.onThrew(whyItFailed(error, this.#timeLimit), this.interrupted);
    else this.onLate();
  }

  /** Ends the attempt without its handler. */
  protected force(end: ForcedEnd): void {
    if (this.close()) this.onForced(end, this.#timeLimit);
  }

  /** Where the work can be ended, the attempt ends when it has stopped. */
  #stopOrForce(end: ForcedEnd): void {
    if (this.#stoppable === undefined) this.force(end);
    else this.#stoppable.stop(() => this.force(end));
  }

  /** What work that was ended by force has settled with concerns nobody. */
  #settled(act: () => void): void {
    if (this.#stoppable?.settled() === true && !this.#ended) this.threw(this.#timeLimit ?? this.signal.reason);
    else act();
  }

  /** From now on the attempt is over for everybody but its handler. @returns false where it was before. */
  protected close(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.#timers !== undefined) for (const timer of this.#timers) this.tools.timers.cancel(timer);
    return true;
  }

  /** Aborts the signal, once: the first reason stays. */
  protected abort(reason: unknown): void {
    if (this.#lazyAbort.aborted) return;
    this.#lazyAbort.abort(reason);
    this.#stoppable?.abort(reason);
    this.onAborted(reason);
  }

  get #lazyAbort(): LazyAbort {
    return (this.#abort ??= new LazyAbort());
  }

  #after(delayMs: number, callback: () => void): void {
    (this.#timers ??= []).push(this.tools.timers.after(delayMs, callback));
  }

  #startTimers(): void {
    const { softLimitMs } = this.task.limits;
    const { hardLimitMs } = this;
    if (softLimitMs === undefined && hardLimitMs === undefined) return;
    this.#deadlineAt = this.tools.clock.now() + Math.min(softLimitMs ?? Infinity, hardLimitMs ?? Infinity);
    if (softLimitMs !== undefined) this.#after(softLimitMs, () => this.#limit('soft', softLimitMs));
    if (hardLimitMs !== undefined) this.#after(hardLimitMs, () => this.#limit('hard', hardLimitMs));
  }

  /** A signal aborts once: a limit that comes after a cancel is not why the handler stops. */
  #limit(limit: 'soft' | 'hard', limitMs: number): void {
    const error = new TimeLimitError(limit, limitMs);
    if (limit === 'hard' || !this.#abort?.aborted) this.#timeLimit = error;
    this.abort(error);
    if (limit === 'hard') this.#stopOrForce('time limit');
  }
}
