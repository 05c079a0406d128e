import type { TimeLimitError } from '../task/errors.js';
import { hasCode, TaskError } from '../task/errors.js';
import type { CancelledRequest } from '../task/run.js';
import type { LogLevel } from '../task/run-event.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { onAbort } from '../timing/on-abort.js';
import { Attempt, type ForcedEnd } from './attempt.js';
import { AttemptContext } from './attempt-context.js';
import type { RunAttemptTools } from './run-attempt.js';

/** One try of one item of an import. */
export interface ItemCall {
  readonly task: ResolvedTask;
  readonly input: unknown;
  /** The context of the import's run. */
  readonly ctx: TaskContext;
  /** Counted from 0. */
  readonly index: number;
  /** Counted from 1. */
  readonly attempt: number;
  /** The import's signal: when it aborts, the item is cancelled. */
  readonly signal: AbortSignal;
}

/** How one try of one item ended. */
export interface ItemEnd {
  /** Resolves with what the handler returned; rejects with what it threw, or with the signal's reason when the item was cancelled and its handler did not settle within its grace. */
  readonly value: Promise<unknown>;
  /** Resolves when the handler has settled and its slot is free. */
  readonly released: Promise<void>;
}

/**
 * Tries one item: waits for a slot of its task as a run does, keeps the task's limits, and gives the slot back when the
 * handler has settled.
 */
export async function callItem(call: ItemCall, tools: RunAttemptTools): Promise<ItemEnd> {
  await tools.slots.acquire(call.task, call.signal);
  if (call.signal.aborted) {
    // Cancelled in the turn in which it got its slot: a cancelled item that waited never begins.
    tools.slots.give(call.task);
    call.signal.throwIfAborted();
  }
  return new ItemAttempt(call, tools).run();
}

class ItemAttempt extends Attempt {
  readonly #call: ItemCall;
  readonly #tools: RunAttemptTools;
  #forgetSignal: (() => void) | undefined;
  #resolve: (value: unknown) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #release: () => void = () => undefined;

  constructor(call: ItemCall, tools: RunAttemptTools) {
    super(call.task, tools);
    this.#call = call;
    this.#tools = tools;
  }

  override get runId(): string {
    return this.#call.ctx.runId;
  }

  override get idempotencyKey(): string {
    return `${this.#call.ctx.idempotencyKey}:${this.#call.index}`;
  }

  /** An import's progress counts its items; theirs is nobody's. */
  override tellProgress(): void {
    return undefined;
  }

  /** Items are found again by the checkpoint of their import. */
  override keepCheckpoint(): boolean {
    return false;
  }

  override writeLog(level: LogLevel, message: string): void {
    this.#call.ctx.log[level](`item ${this.#call.index}: ${message}`);
  }

  run(): ItemEnd {
    const value = new Promise<unknown>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const released = new Promise<void>((resolve) => (this.#release = resolve));
    const { signal, input, attempt, index } = this.#call;
    this.call(input, new AttemptContext(this, attempt, index));
    // Afterwards: an item that ended at once needs no listener.
    if (!this.ended) this.#forgetSignal = onAbort(signal, () => this.#cancel());
    return { value, released };
  }

  protected override onReturned(value: unknown): void {
    this.#resolve(value);
    this.#leave();
  }

  protected override onThrew(error: unknown): void {
    this.#reject(error);
    this.#leave();
  }

  protected override onForced(_end: ForcedEnd, error: TimeLimitError | undefined): void {
    this.#tools.tally.abandoned += 1;
    this.#tools.logger?.warn(
      { runId: this.#call.ctx.runId, task: this.task.name, itemIndex: this.#call.index },
      'The handler of an item does not stop; the import goes on without it, its slot stays taken',
    );
    this.#reject(error ?? this.#call.signal.reason);
  }

  protected override onLate(): void {
    this.#tools.tally.abandoned -= 1;
    this.#tools.tally.dropped += 1;
    this.#leave();
  }

  #cancel(): void {
    this.cancelWithin(requestOf(this.#call.signal.reason), this.#tools.graceMs);
  }

  #leave(): void {
    this.#forgetSignal?.();
    this.#tools.slots.give(this.task);
    this.#release();
  }
}

/** An item is cancelled by whoever cancelled its import. */
function requestOf(reason: unknown): CancelledRequest {
  if (!hasCode(reason, 'RUN_CANCELLED'))
    return { by: 'import', reason: reason instanceof TaskError ? reason.message : null };
  const { by, reason: why } = reason.details;
  return { by: typeof by === 'string' ? by : 'import', reason: typeof why === 'string' ? why : null };
}
