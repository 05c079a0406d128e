import type { Executor } from '../ports/executor.js';
import type { TaskContext } from '../task/task-context.js';
import type { QueuedTimer, TimerQueue } from '../timing/timer-queue.js';

/** How long work that is ended by force may take to stop before it counts as abandoned. */
export const STOP_MS = 250;

/** A handler at work that its executor can end by force. */
export class StoppableWork {
  readonly #executor: Executor;
  readonly #ctx: TaskContext;
  readonly #timers: TimerQueue;
  #stopping = false;
  #timer: QueuedTimer | undefined;

  constructor(executor: Executor, ctx: TaskContext, timers: TimerQueue) {
    this.#executor = executor;
    this.#ctx = ctx;
    this.#timers = timers;
  }

  /** Its signal has aborted. */
  abort(reason: unknown): void {
    this.#executor.abort?.(this.#ctx, reason);
  }

  /**
   * Ends it, once.
   *
   * @param onLate called where it has not stopped in time: a call into the operating system cannot be ended.
   */
  stop(onLate: () => void): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#timer = this.#timers.after(STOP_MS, onLate);
    this.#executor.stop?.(this.#ctx);
  }

  /** It has settled. @returns whether that was by force. */
  settled(): boolean {
    if (this.#timer !== undefined) this.#timers.cancel(this.#timer);
    return this.#stopping;
  }
}
