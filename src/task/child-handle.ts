import type { Task } from './any-task.js';
import type { CancelRequest, Run } from './run.js';
import type { StreamedEvent } from './run-event.js';

/** How a wait is ended from outside. */
export interface WaitSignal {
  /** Ends the wait: it rejects with the signal's reason; the run goes on. */
  readonly signal?: AbortSignal;
}

/** What a child run may be started with. Its owner is its parent's. */
export interface ChildOptions {
  /**
   * What the parent knows the child by: the same child in every attempt of the parent. One that has completed is not run
   * again, one that has not ended is waited for, one that failed or was cancelled is started anew. 1 to 255 visible ASCII
   * characters.
   */
  readonly key?: string;
  /**
   * -1000 to 1000; higher goes first. Unless given the task's, but at least one above the parent's: what has begun gets
   * done before more begins.
   */
  readonly priority?: number;
  /** Begins this much later: 0 to ten years. */
  readonly delayMs?: number;
  /** A child that has not begun, or waits for another attempt, this long after its start fails with `QUEUE_EXPIRED`. */
  readonly expiresInMs?: number;
  /** At most 16. */
  readonly tags?: readonly string[];
}

/** What `ctx.start` takes after a task: its input, which may be left out where the schema lets it be, and options. */
export type ChildArguments<Input> = undefined extends Input
  ? [input?: Input, options?: ChildOptions]
  : [input: Input, options?: ChildOptions];

/**
 * What a handler holds of a child run. While it waits in `result()` or `settled()`, its slot is lent to others; it goes on
 * when it has one again. Not a promise: awaiting it gives the handle itself.
 */
export interface ChildHandle<Result> {
  readonly id: string;
  /**
   * What the child's handler returned.
   *
   * @throws {TaskError} CHILD_FAILED when the child failed or was cancelled (`details`: `runId`, `task`, `status`, `code`;
   * `cause` is why); the reason of the parent's signal where the parent cannot wait any longer, because its manager closes
   * or its lease is lost. @throws {TypeError} when `signal` is no AbortSignal.
   */
  result(wait?: WaitSignal): Promise<Result>;
  /**
   * The child once it has ended, however it ended. Whoever has called this deals with a failure of the child himself: it
   * does not fail the parent any more.
   *
   * @throws as `result`, but not because of how the child ended.
   */
  settled(wait?: WaitSignal): Promise<Run>;
  /** Asks the child to stop. That it then ends as `cancelled` does not fail the parent. */
  cancel(reason?: string | CancelRequest): Promise<Run | undefined>;
  /** The child as it is now; undefined where its record is kept no longer. */
  snapshot(): Promise<Run | undefined>;
  /** Begins with the present state and ends after the final event, or when the signal aborts. */
  events(wait?: WaitSignal): AsyncIterable<StreamedEvent>;
}

/** Starts a child of a run: see `TaskContext.start`. */
export type StartChild = <Input, Result>(
  task: Task<Input, Result>,
  ...rest: ChildArguments<Input>
) => Promise<ChildHandle<Result>>;
