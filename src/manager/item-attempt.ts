import type { StoredRun } from '../ports/backend.js';
import type { TimeLimitError } from '../task/errors.js';
import { hasCode, NonRetryableError, TaskError } from '../task/errors.js';
import type { CancelledRequest } from '../task/run.js';
import type { LogLevel } from '../task/run-event.js';
import type { ResolvedTask } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { onAbort } from '../timing/on-abort.js';
import type { ForcedEnd } from './attempt-tools.js';
import { AttemptContext, runOf } from './attempt-context.js';
import { leavesChildren, ParentAttempt } from './parent-attempt.js';
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
  return new ItemAttempt(call, tools).begin();
}

class ItemAttempt extends ParentAttempt<RunAttemptTools> {
  readonly #call: ItemCall;
  #forgetSignal: (() => void) | undefined;
  #resolve: (value: unknown) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #release: () => void = () => undefined;

  constructor(call: ItemCall, tools: RunAttemptTools) {
    super(call.task, tools);
    this.#call = call;
  }

  override get runId(): string {
    return this.#call.ctx.runId;
  }

  override get run(): StoredRun {
    return runOf(this.#call.ctx);
  }

  override get idempotencyKey(): string {
    return `${this.#call.ctx.idempotencyKey}:${this.#call.index}`;
  }

  /** An import's progress counts its items; theirs is nobody's. */
  override tellProgress(): void {
    return undefined;
  }

  /** No result could name it. */
  override storeFile(): Promise<never> {
    const message = 'ctx.file stores the result of a run, and an item of an import has none: start a run for it';
    return Promise.reject(new NonRetryableError(message));
  }

  /** Items are found again by the checkpoint of their import. */
  override keepCheckpoint(): boolean {
    return false;
  }

  override writeLog(level: LogLevel, message: string): void {
    this.#call.ctx.log[level](`item ${this.#call.index}: ${message}`);
  }

  begin(): ItemEnd {
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
    this.tools.tally.abandoned += 1;
    this.tools.logger?.warn(
      { runId: this.#call.ctx.runId, task: this.task.name, itemIndex: this.#call.index },
      'The handler of an item does not stop; the import goes on without it, its slot stays taken',
    );
    this.#reject(error ?? this.#call.signal.reason);
  }

  protected override onLate(): void {
    this.tools.tally.abandoned -= 1;
    this.tools.tally.dropped += 1;
    this.#leave();
  }

  protected override get itemIndex(): number {
    return this.#call.index;
  }

  override get mayBeRepeated(): boolean {
    return true;
  }

  protected override get slotOwner(): ResolvedTask {
    return this.task;
  }

  /** Items count in their process only. */
  protected override get place(): undefined {
    return undefined;
  }

  /** A run has room for the steps of one handler, not for those of every record. */
  protected override newSteps(): undefined {
    return undefined;
  }

  protected override freeSlot(): void {
    this.tools.slots.give(this.task);
  }

  #cancel(): void {
    const reason: unknown = this.#call.signal.reason;
    // The import is not over: whoever goes on with it has use for them.
    if (leavesChildren(reason)) this.leaveChildren(reason);
    this.cancelWithin(requestOf(reason), this.tools.graceMs);
  }

  #leave(): void {
    this.#forgetSignal?.();
    this.giveSlot();
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
