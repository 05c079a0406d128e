import type { Executor } from '../../ports/executor.js';
import { NonRetryableError, steering, TaskError } from '../../task/errors.js';
import type { ResolvedTask } from '../../task/task.js';
import type { TaskContext } from '../../task/task-context.js';
import type { ModuleExecutor } from '../../task/thread-module.js';
import type { CallEnd, CallNews, CallRequest } from './call.js';
import { type Carried, pack, unpack } from './carried-error.js';

/** The threads or processes of an executor. */
export interface Crew {
  /**
   * Calls a handler in one of them.
   *
   * @param hear is told what the handler says, before the promise settles.
   * @returns rejects with a `TaskError`: `INPUT_INVALID` where the input cannot be cloned, `EXECUTOR_LOST` where the thread
   * or process has ended, or cannot be made.
   */
  call(request: CallRequest, hear: (news: CallNews) => void): Promise<CallEnd>;
  /** Aborts the signal of a handler. */
  abort(call: number, reason: Carried): void;
  /** Ends the thread or process where the handler is at work; the promise of its call settles when that has ended. */
  stop(call: number): void;
  /** Ends all of them. */
  close(): Promise<void>;
}

/** Calls are counted in memory that threads share, in 32 bits. */
const MOST_CALLS = 0x7fff_ffff;

/** Executes handlers outside of this thread. */
export class OutsideExecutor implements Executor {
  readonly name: ModuleExecutor;
  readonly #crew: Crew;
  readonly #calls = new Map<TaskContext, number>();
  #last = 0;

  constructor(name: ModuleExecutor, crew: Crew) {
    this.name = name;
    this.#crew = crew;
  }

  async execute(task: ResolvedTask, input: unknown, ctx: TaskContext): Promise<unknown> {
    const call = (this.#last = (this.#last % MOST_CALLS) + 1);
    const request = { call, href: task.module?.href ?? '', input, ctx: contextOf(ctx) };
    this.#calls.set(ctx, call);
    try {
      return conclude(await this.#crew.call(request, (news) => hear(news, ctx)), task);
    } finally {
      this.#calls.delete(ctx);
    }
  }

  abort(ctx: TaskContext, reason: unknown): void {
    const call = this.#calls.get(ctx);
    if (call !== undefined) this.#crew.abort(call, pack(reason));
  }

  stop(ctx: TaskContext): void {
    const call = this.#calls.get(ctx);
    if (call !== undefined) this.#crew.stop(call);
  }

  close(): Promise<void> {
    return this.#crew.close();
  }
}

function contextOf({ runId, attempt, itemIndex, idempotencyKey, deadlineAt }: TaskContext): CallRequest['ctx'] {
  return { runId, attempt, itemIndex, idempotencyKey, deadlineAt };
}

function hear(news: CallNews, ctx: TaskContext): void {
  if ('progress' in news) ctx.progress(...news.progress);
  else ctx.log[news.log[0]](news.log[1]);
}

/** What the handler returned. @throws what it threw, or why there is nothing. */
function conclude(end: CallEnd, { name }: ResolvedTask): unknown {
  switch (end.type) {
    case 'returned':
      return end.value;
    case 'threw':
      throw unpack(end.thrown);
    case 'no handler':
      throw new NonRetryableError(`The module of task ${name} has no handler: ${end.why}`, {
        ...(end.thrown && { cause: unpack(end.thrown) }),
      });
    case 'not cloneable':
      throw steering(
        new TaskError(
          'RESULT_INVALID',
          `What the handler of task ${name} returned cannot leave its thread: ${end.why}`,
        ),
      );
  }
}
