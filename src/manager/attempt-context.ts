import type { MaybePromise, StoredRun } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { Resources } from '../task/resources.js';
import type { AnyTask, Task } from '../task/any-task.js';
import type { ChildHandle, ChildOptions } from '../task/child-handle.js';
import type { FileOptions, FileResult, FileSource } from '../task/file-result.js';
import type { LogLevel } from '../task/run-event.js';
import type { RunLog, TaskContext } from '../task/task-context.js';

/** What an {@link AttemptContext} shows of its attempt. */
export interface ContextSource {
  readonly run: StoredRun;
  readonly runId: string;
  readonly signal: AbortSignal;
  readonly deadlineAt: number | null;
  readonly idempotencyKey: string;
  readonly resources: Resources;
  tellProgress(done: number, total: number | null, note: string | null): void;
  writeLog(level: LogLevel, message: string): void;
  storeFile(name: string, source: FileSource, options: FileOptions | undefined): Promise<FileResult>;
  /** Keeps how far the run has come; false where that is no longer wanted. */
  keepCheckpoint(checkpoint: Checkpoint): MaybePromise<boolean>;
  startChild(task: AnyTask, input: unknown, options: unknown): Promise<ChildHandle<unknown>>;
  step(key: string, fn: () => unknown): Promise<unknown>;
}

/** A line of a handler's log is cut after so many characters. */
const MAX_LINE = 8_192;

let sourceOf: (ctx: AttemptContext) => ContextSource;

/**
 * What a handler gets. Members are made when they are looked at: most handlers look at few. They work by themselves,
 * so that a handler can take them out: `({ progress, signal }) => …`.
 */
export class AttemptContext implements TaskContext {
  readonly #source: ContextSource;
  readonly attempt: number;
  readonly itemIndex: number | null;

  static {
    sourceOf = (ctx) => ctx.#source;
  }

  constructor(source: ContextSource, attempt: number, itemIndex: number | null) {
    this.#source = source;
    this.attempt = attempt;
    this.itemIndex = itemIndex;
  }

  get runId(): string {
    return this.#source.runId;
  }

  get signal(): AbortSignal {
    return this.#source.signal;
  }

  get deadlineAt(): number | null {
    return this.#source.deadlineAt;
  }

  get idempotencyKey(): string {
    return this.#source.idempotencyKey;
  }

  get resources(): Resources {
    return this.#source.resources;
  }

  get log(): RunLog {
    const source = this.#source;
    const level = (name: LogLevel) => (message: unknown) => source.writeLog(name, String(message).slice(0, MAX_LINE));
    return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
  }

  get progress(): TaskContext['progress'] {
    const source = this.#source;
    return (done, total = null, note = null) => source.tellProgress(done, total, note);
  }

  get start(): TaskContext['start'] {
    const source = this.#source;
    // What the child's handler returns is what its task says.
    return <Input, Result>(task: Task<Input, Result>, input?: Input, options?: ChildOptions) =>
      source.startChild(task, input, options) as Promise<ChildHandle<Result>>;
  }

  get step(): TaskContext['step'] {
    const source = this.#source;
    // What a step gave is what it was: JSON says nothing of types.
    return <T>(key: string, fn: () => T | PromiseLike<T>) => source.step(key, fn) as Promise<T>;
  }

  get file(): TaskContext['file'] {
    const source = this.#source;
    return (name, bytes, options) => source.storeFile(name, bytes, options);
  }
}

/**
 * Keeps how far the run of a handler has come, for the floors above.
 *
 * @returns false where its attempt has ended for everybody but the handler, or may be made by somebody else by now.
 */
export function keepCheckpoint(ctx: TaskContext, checkpoint: Checkpoint): MaybePromise<boolean> {
  return ctx instanceof AttemptContext ? sourceOf(ctx).keepCheckpoint(checkpoint) : false;
}

/** The run whose handler was given this. @throws {TypeError} when it is no context of this manager's. */
export function runOf(ctx: TaskContext): StoredRun {
  if (ctx instanceof AttemptContext) return sourceOf(ctx).run;
  throw new TypeError('ctx must be what a handler was given');
}
