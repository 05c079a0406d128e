import type { Clock } from '../ports/clock.js';
import type { StoredRun } from '../ports/backend.js';
import type { Run } from '../task/run.js';
import { isFinalEvent, type StreamedEvent } from '../task/run-event.js';
import { isFinal } from '../task/status.js';
import { onAbort } from '../timing/on-abort.js';

/** A reader that is further behind loses what it has not read. */
const MAX_BEHIND = 1_000;

/** What an {@link EventStream} is made with. */
export interface EventStreamOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Ends with the first final event: the stream of one run. */
  readonly oneRun: boolean;
  /** Called once, when the stream is over for whatever reason. */
  readonly onEnd: (stream: EventStream) => void;
}

/** A bounded queue of events between whoever tells them and one reader. */
export class EventStream implements AsyncIterableIterator<StreamedEvent> {
  readonly #options: EventStreamOptions;
  #forgetSignal: (() => void) | undefined;
  #buffer: StreamedEvent[] = [];
  #missed = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    if (options.signal !== undefined) this.#forgetSignal = onAbort(options.signal, () => this.end());
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Begins the stream of one run with its present state, and ends it where the run has ended. */
  begin(stored: StoredRun): void {
    const run = withoutResult(stored.snapshot());
    const { id, task, tags, status, attempt, version } = run;
    this.push({
      type: 'run:snapshot',
      seq: version,
      at: this.#options.clock.now(),
      runId: id,
      task,
      tags,
      status,
      attempt,
      run,
    });
    if (isFinal(status)) this.end();
  }

  push(event: StreamedEvent): void {
    if (this.#ended) return;
    if (this.#buffer.length >= MAX_BEHIND) {
      this.#missed += this.#buffer.length;
      this.#buffer = [];
    }
    this.#buffer.push(event);
    this.#rouse();
    if (this.#options.oneRun && isFinalEvent(event)) this.end();
  }

  /** No event comes any more; what is in the buffer can still be read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#forgetSignal?.();
    this.#options.onEnd(this);
    this.#rouse();
  }

  /** Ends the stream: what was told can still be read, then reading rejects with `error` once. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.end();
  }

  async next(): Promise<IteratorResult<StreamedEvent, undefined>> {
    for (;;) {
      const event = this.#take();
      if (event !== undefined) return { done: false, value: event };
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure) throw failure.error;
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        const before = this.#wake;
        this.#wake = () => {
          before?.();
          resolve();
        };
      });
    }
  }

  return(): Promise<IteratorResult<StreamedEvent, undefined>> {
    this.end();
    this.#buffer = [];
    this.#missed = 0;
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(): StreamedEvent | undefined {
    if (this.#missed === 0) return this.#buffer.shift();
    const gap: StreamedEvent = { type: 'run:gap', missed: this.#missed, at: this.#options.clock.now() };
    this.#missed = 0;
    return gap;
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** A result may be anything; events are JSON. */
function withoutResult(run: Run): Omit<Run, 'result'> {
  const copy: { -readonly [Member in keyof Run]?: Run[Member] } & Omit<Run, 'result'> = { ...run };
  delete copy.result;
  return copy;
}
