import type { MaybePromise } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { Executor } from '../ports/executor.js';
import type { Clock } from '../ports/clock.js';
import { CancelledError, isTaskError, steering, TaskError, TimeLimitError } from '../task/errors.js';
import type { CancelledRequest } from '../task/run.js';
import type { LogLevel } from '../task/run-event.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { isThenable } from '../task/thenable.js';
import { LazyAbort } from '../timing/lazy-abort.js';
import type { QueuedTimer, TimerQueue } from '../timing/timer-queue.js';
import type { ContextSource } from './attempt-context.js';
import { parseInput } from './parse-input.js';

/** What attempts share. */
export interface AttemptTools {
  readonly clock: Clock;
  /** Time limits and graces of all attempts. */
  readonly timers: TimerQueue;
  readonly executor: Executor;
  readonly random: () => number;
}

/** How the platform ended an attempt whose handler is still at work. */
export type ForcedEnd = 'time limit' | 'grace' | 'interrupted';

/**
 * One attempt: calls the handler in one guarded place, keeps its time limits, passes cancels on to its signal, and
 * says exactly once how it ended and exactly once that the handler has settled. In that order, or both at once.
 */
export abstract class Attempt implements ContextSource {
  readonly task: ResolvedTask;
  readonly #tools: AttemptTools;
  /** Made when it is needed: most attempts are over before anybody looks at their signal. */
  #abort: LazyAbort | undefined;
  /** Limits and grace; most attempts have none. */
  #timers: QueuedTimer[] | undefined;
  #timeLimit: TimeLimitError | undefined;
  #interrupted = false;
  #begun = false;
  #ended = false;
  #deadlineAt: number | null = null;

  constructor(task: ResolvedTask, tools: AttemptTools) {
    this.task = task;
    this.#tools = tools;
  }

  abstract get runId(): string;
  abstract get idempotencyKey(): string;
  abstract tellProgress(done: number, total: number | null, note: string | null): void;
  abstract writeLog(level: LogLevel, message: string): void;
  abstract keepCheckpoint(checkpoint: Checkpoint): MaybePromise<boolean>;

  get signal(): AbortSignal {
    return this.#lazyAbort.signal;
  }

  /** When the first time limit runs out, in epoch milliseconds. */
  get deadlineAt(): number | null {
    return this.#deadlineAt;
  }

  /** Whether the attempt is over, for everybody but perhaps its handler. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What the handler is to see: a `CancelledError`, and `graceMs` later the end. */
  protected cancelWithin(request: CancelledRequest, graceMs: number): void {
    if (this.#ended) return;
    this.#after(graceMs, () => this.#force('grace'));
    this.#lazyAbort.abort(new CancelledError(request));
  }

  /** The manager closes: the handler sees a `TaskError` `RUN_INTERRUPTED`. */
  interrupt(): void {
    if (this.#ended) return;
    this.#interrupted = true;
    this.#lazyAbort.abort(new TaskError('RUN_INTERRUPTED', 'The manager is closing'));
  }

  /** The manager has closed: ends the attempt without its handler. */
  abandon(): void {
    this.#force('interrupted');
  }

  /**
   * Somebody else may hold the run by now. An attempt that has not begun never will.
   *
   * @returns whether something is still to be said about it.
   */
  protected abortLost(): boolean {
    this.#lazyAbort.abort(new TaskError('LEASE_LOST', 'The lease of this run was lost; another process may run it'));
    if (this.#begun) return true;
    this.#begun = true;
    if (this.#end()) return false;
    this.onLate();
    return true;
  }

  /** Parses the input, calls the handler. Never throws. */
  protected call(input: unknown, ctx: TaskContext): void {
    if (this.#begun) return;
    this.#begun = true;
    // Its grace was over before the backend let it begin.
    if (this.#ended) {
      this.onLate();
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

  /** The handler returned; the attempt had not ended yet. */
  protected abstract onReturned(value: unknown): void;
  /** The handler threw, or a time limit made it fail; `interrupted` where the manager's closing made it stop. */
  protected abstract onThrew(error: unknown, interrupted: boolean): void;
  /** The attempt is over, its handler is still at work. */
  protected abstract onForced(end: ForcedEnd, error: TimeLimitError | undefined): void;
  /** The handler has settled after the attempt was over: its value or error concerns nobody. */
  protected abstract onLate(): void;

  #execute(input: unknown, ctx: TaskContext): void {
    if (this.#ended) {
      this.onLate();
      return;
    }
    // Cancelled while an asynchronous schema looked at the input: the handler need not begin.
    if (this.#abort?.aborted) {
      this.#threw(this.#abort.reason);
      return;
    }
    let returned: unknown;
    try {
      returned = this.#tools.executor.execute(this.task, input, ctx);
      if (isThenable(returned)) {
        void nativeThen.call(
          Promise.resolve(returned),
          (value) => this.#returned(value),
          (error: unknown) => this.#threw(error),
        );
        return;
      }
    } catch (error) {
      this.#threw(error);
      return;
    }
    this.#returned(returned);
  }

  /** The same input would be refused again; it is another matter where a handler passes such an error on. */
  #refused(error: unknown): void {
    this.#threw(isTaskError(error) ? steering(error) : error);
  }

  #returned(value: unknown): void {
    if (!this.#end()) {
      this.onLate();
      return;
    }
    this.onReturned(value);
  }

  #threw(error: unknown): void {
    if (!this.#end()) {
      this.onLate();
      return;
    }
    this.onThrew(this.#whyItFailed(error), this.#interrupted && this.#timeLimit === undefined);
  }

  /** A handler that throws after its time limit has failed because of the limit, whatever it throws. */
  #whyItFailed(error: unknown): unknown {
    if (this.#timeLimit === undefined) return error;
    const { limit, limitMs } = this.#timeLimit;
    return error === this.#timeLimit ? error : new TimeLimitError(limit, limitMs, { cause: error });
  }

  #force(end: ForcedEnd): void {
    if (!this.#end()) return;
    this.onForced(end, this.#timeLimit);
  }

  /** @returns false where the attempt is over already. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.#timers !== undefined) for (const timer of this.#timers) this.#tools.timers.cancel(timer);
    return true;
  }

  get #lazyAbort(): LazyAbort {
    return (this.#abort ??= new LazyAbort());
  }

  #after(delayMs: number, callback: () => void): void {
    (this.#timers ??= []).push(this.#tools.timers.after(delayMs, callback));
  }

  #startTimers(): void {
    const { softLimitMs, hardLimitMs } = this.task.limits;
    const firstMs = softLimitMs ?? hardLimitMs;
    if (firstMs === undefined) return;
    this.#deadlineAt = this.#tools.clock.now() + firstMs;
    if (softLimitMs !== undefined) this.#after(softLimitMs, () => this.#limit('soft', softLimitMs));
    if (hardLimitMs !== undefined) {
      this.#after(hardLimitMs, () => {
        this.#limit('hard', hardLimitMs);
        this.#force('time limit');
      });
    }
  }

  /** A signal aborts once: a limit that comes after a cancel is not why the handler stops. */
  #limit(limit: 'soft' | 'hard', limitMs: number): void {
    const error = new TimeLimitError(limit, limitMs);
    if (limit === 'hard' || !this.#abort?.aborted) this.#timeLimit = error;
    this.#lazyAbort.abort(error);
  }
}

/**
 * A promise may have a `then` of its own that calls back as often as it likes; as for `await`, only the genuine one
 * counts. Taken when the module is loaded.
 */
// It is called on a promise each time.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { then: nativeThen } = Promise.prototype;
