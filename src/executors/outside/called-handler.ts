import type { LogLevel } from '../../task/run-event.js';
import type { RunLog } from '../../task/task-context.js';
import type { ThreadContext } from '../../task/thread-module.js';
import { LazyAbort } from '../../timing/lazy-abort.js';
import { systemClock } from '../../timing/system-clock.js';
import type { CallNews, CallRequest } from './call.js';
import { type Carried, unpack } from './carried-error.js';
import { ToldLines } from './told-lines.js';
import { ToldProgress } from './told-progress.js';

/** One call of a handler, in the thread or process where it executes: what the handler is given, and what it says. */
export class CalledHandler {
  readonly #request: CallRequest;
  readonly #abort = new LazyAbort();
  readonly #progress: ToldProgress;
  readonly #lines: ToldLines;
  #over = false;

  constructor(request: CallRequest, say: (news: CallNews) => void) {
    const { call, aborted } = request;
    this.#request = request;
    this.#progress = new ToldProgress((progress) => say({ call, progress }), systemClock);
    this.#lines = new ToldLines((level, line) => say({ call, log: [level, line] }), systemClock);
    if (aborted !== undefined) this.abort(aborted);
  }

  abort(reason: Carried): void {
    if (!this.#over) this.#abort.abort(unpack(reason));
  }

  /** Cancelled while the thread or the module was loaded: the handler need not begin. @throws the reason. */
  throwIfAborted(): void {
    if (this.#abort.aborted) throw this.#abort.reason;
  }

  /** The handler has settled: what it told last is said, and nothing after it. */
  end(): void {
    this.#progress.flush();
    this.#lines.flush();
    this.#over = true;
  }

  /** Members work by themselves, so that a handler can take them out. */
  get context(): ThreadContext {
    const abort = this.#abort;
    return {
      ...this.#request.ctx,
      get signal() {
        return abort.signal;
      },
      log: this.#log,
      progress: (done, total = null, note = null) => {
        if (!this.#over) this.#progress.tell(done, total, note);
      },
    };
  }

  get #log(): RunLog {
    const level = (name: LogLevel) => (message: unknown) => {
      if (!this.#over) this.#lines.write(name, message);
    };
    return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') };
  }
}
