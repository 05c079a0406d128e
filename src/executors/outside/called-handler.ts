import type { Progress } from '../../task/run.js';
import type { LogLevel } from '../../task/run-event.js';
import type { RunLog } from '../../task/task-context.js';
import type { ThreadContext } from '../../task/thread-module.js';
import { LazyAbort } from '../../timing/lazy-abort.js';
import { ProgressMeter } from '../../timing/progress-meter.js';
import { systemClock } from '../../timing/system-clock.js';
import { TimerQueue } from '../../timing/timer-queue.js';
import type { CallContext, CallNews, CallRequest } from './call.js';
import { type Carried, unpack } from './carried-error.js';
import { ToldLines } from './told-lines.js';

/** Twice as often as the manager stores it. */
const PACE = { intervalMs: 50, clock: systemClock, timers: new TimerQueue(systemClock) };

/** One call of a handler, in the thread or process where it executes: what the handler is given, and what it says. */
export class CalledHandler {
  readonly #abort = new LazyAbort();
  readonly #call: number;
  readonly #say: (news: CallNews) => void;
  /** Made when they are needed: most handlers tell nothing. */
  #progress: ProgressMeter | undefined;
  #lines: ToldLines | undefined;
  readonly context: ThreadContext;
  #over = false;

  constructor({ call, ctx }: CallRequest, say: (news: CallNews) => void) {
    this.#call = call;
    this.#say = say;
    this.context = new CalledContext(ctx, this);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  abort(reason: Carried): void {
    if (!this.#over) this.#abort.abort(unpack(reason));
  }

  /** Cancelled while the thread or the module was loaded: the handler need not begin. @throws the reason. */
  throwIfAborted(): void {
    if (this.#abort.aborted) throw this.#abort.reason;
  }

  tellProgress(done: number, total: number | null, note: string | null): void {
    if (this.#over) return;
    this.#progress ??= new ProgressMeter((told) => this.#say({ call: this.#call, progress: tupleOf(told) }), PACE);
    this.#progress.tell(done, total, note);
  }

  writeLog(level: LogLevel, message: unknown): void {
    if (this.#over) return;
    this.#lines ??= new ToldLines((name, line) => this.#say({ call: this.#call, log: [name, line] }), systemClock);
    this.#lines.write(level, message);
  }

  /** The handler has settled: what it told last is said, and nothing after it. */
  end(): void {
    this.#progress?.flush();
    this.#lines?.flush();
    this.#over = true;
  }
}

/**
 * What a handler in a thread gets. Members that do something are made when they are looked at, as most handlers look at
 * few, and work by themselves, so that a handler can take them out.
 */
class CalledContext implements ThreadContext {
  readonly #called: CalledHandler;
  readonly runId: string;
  readonly attempt: number;
  readonly itemIndex: number | null;
  readonly idempotencyKey: string;
  readonly deadlineAt: number | null;

  constructor({ runId, attempt, itemIndex, idempotencyKey, deadlineAt }: CallContext, called: CalledHandler) {
    this.#called = called;
    this.runId = runId;
    this.attempt = attempt;
    this.itemIndex = itemIndex;
    this.idempotencyKey = idempotencyKey;
    this.deadlineAt = deadlineAt;
  }

  get signal(): AbortSignal {
    return this.#called.signal;
  }

  get log(): RunLog {
    const called = this.#called;
    const level = (name: LogLevel) => (message: unknown) => called.writeLog(name, message);
    return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
  }

  get progress(): ThreadContext['progress'] {
    const called = this.#called;
    return (done, total = null, note = null) => called.tellProgress(done, total, note);
  }
}

function tupleOf({ done, total, note }: Progress): readonly [number, number | null, string | null] {
  return [done, total, note];
}
