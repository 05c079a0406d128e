import type { MaybePromise } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { LogLevel } from '../task/run-event.js';
import type { RunLog, TaskContext } from '../task/task-context.js';

/** What an {@link AttemptContext} shows of its attempt. */
export interface ContextSource {
  readonly runId: string;
  readonly signal: AbortSignal;
  readonly deadlineAt: number | null;
  readonly idempotencyKey: string;
  tellProgress(done: number, total: number | null, note: string | null): void;
  writeLog(level: LogLevel, message: string): void;
  /** Keeps how far the run has come; false where that is no longer wanted. */
  keepCheckpoint(checkpoint: Checkpoint): MaybePromise<boolean>;
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

  get log(): RunLog {
    const source = this.#source;
    const level = (name: LogLevel) => (message: unknown) => source.writeLog(name, String(message).slice(0, MAX_LINE));
    return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
  }

  get progress(): TaskContext['progress'] {
    const source = this.#source;
    return (done, total = null, note = null) => source.tellProgress(done, total, note);
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
