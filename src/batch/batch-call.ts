import type { LimitFunction } from 'p-limit';
import type { MaybePromise } from '../ports/backend.js';
import { TaskError } from '../task/errors.js';
import { decideRetry } from '../task/retry-policy.js';
import { onAbort } from '../timing/on-abort.js';
import { AttemptContext, type BatchItem, type ItemHandler } from './batch-item.js';
import type { ResolvedBatchOptions } from './batch-options.js';
import type { Breather } from './breather.js';
import type { ItemSource } from './item-source.js';
import { Linger } from './linger.js';
import { openSource, type Items } from './open-source.js';
import type { OutcomeSink } from './outcome-sink.js';
import { isThenable } from '../task/thenable.js';
import { WaitingItems } from './waiting-items.js';

/** In place of a value: a handler may return anything, undefined included. */
const THREW = Symbol('the handler threw');

/** What all calls on one processor share. */
export interface SharedByCalls {
  readonly limit: LimitFunction;
  readonly breather: Breather;
}

/** What a {@link BatchCall} works on, and with what. */
export interface BatchCallSetup<T, R> extends SharedByCalls {
  readonly items: Items<T>;
  readonly handler: ItemHandler<T, R>;
  readonly signal: AbortSignal | undefined;
  readonly options: ResolvedBatchOptions;
  readonly sink: OutcomeSink<T, R>;
  /** Called when one item, or the rest of them, has ended. Must not throw. */
  readonly onEnded?: ((total: number | undefined) => void) | undefined;
}

/** A pass through the limiter; it has one item at work at a time. */
interface Pass {
  attempt: AttemptContext | undefined;
}

/**
 * One call of a processor: pulls items, has them handled in passes through the limiter, and sets those aside that wait
 * for another attempt. A pass ends when nothing is ready for it, so no slot is held by a call that waits for its source,
 * for its reader, or for the time of a retry.
 */
export class BatchCall<T, R> {
  readonly #setup: BatchCallSetup<T, R>;
  readonly #source: ItemSource<T>;
  readonly #waiting: WaitingItems<T>;
  readonly #linger = new Linger();
  /** Passes that hold a slot. */
  readonly #passes = new Set<Pass>();
  /** Whether a pass stands in the limiter's line. One is enough: it asks for the next when it begins. */
  #passRequested = false;
  #atWork = 0;
  #failures = 0;
  #stopped: { readonly reason: unknown } | undefined;
  /** What the sink could not take. */
  #refused: { readonly error: unknown } | undefined;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  /** @throws whatever the source throws when it is opened. */
  constructor(setup: BatchCallSetup<T, R>) {
    const goOn = (): void => this.resume();
    this.#setup = setup;
    this.#source = openSource(setup.items, { clock: setup.options.clock, onChange: goOn });
    this.#waiting = new WaitingItems(setup.options.clock, goOn);
  }

  /**
   * Works until all items have ended. To be called once.
   *
   * @throws what the source threw, or the sink rejected with, unchanged, after every item that was given has ended.
   */
  async run(): Promise<void> {
    const { signal } = this.#setup;
    const forget = signal && onAbort(signal, () => this.stop(signal.reason));
    try {
      await this.#untilIdle();
      await this.#cancelLeftovers();
      await this.#closing;
    } finally {
      forget?.();
    }
    if (this.#refused) throw this.#refused.error;
    if (this.#source.failure) throw this.#source.failure.error;
  }

  /**
   * No further item begins; the signals of those at work abort; those that wait are cancelled. The first reason stays.
   */
  stop(reason: unknown): void {
    if (this.#stopped) return;
    this.#stopped = { reason };
    this.#closing = this.#source.close();
    for (const { attempt } of this.#passes) if (attempt) AttemptContext.abort(attempt, reason);
    for (const item of this.#waiting.takeAll()) this.#cancel(item, reason);
    this.#noticeIdle();
  }

  /** Looks what can be done now: to be called when the source, a wait or the reader has come on. */
  resume(): void {
    if (this.#mayPull()) this.#source.prepare();
    if (this.#hasWork()) {
      if (this.#linger.active) this.#linger.end();
      else this.#requestPass();
    }
    this.#noticeIdle();
  }

  #requestPass(): void {
    if (this.#passRequested || this.#passes.size >= this.#setup.options.maxConcurrent) return;
    this.#passRequested = true;
    void this.#setup.limit(() => this.#pass());
  }

  #mayBegin(): boolean {
    return this.#stopped === undefined && !this.#setup.sink.full;
  }

  #mayPull(): boolean {
    return this.#mayBegin() && this.#waiting.size < this.#setup.options.batchSize;
  }

  #hasWork(): boolean {
    return this.#mayBegin() && (this.#waiting.hasDue || (this.#source.ready && this.#mayPull()));
  }

  async #pass(): Promise<void> {
    const { handler, options, breather } = this.#setup;
    const pass: Pass = { attempt: undefined };
    this.#passRequested = false;
    this.#passes.add(pass);
    for (let handled = 0; handled < options.batchSize; handled += 1) {
      const item = this.#take() ?? (await this.#takeSoon());
      if (item === undefined) break;
      const attempt = new AttemptContext(item);
      pass.attempt = attempt;
      let value: R | typeof THREW = THREW;
      let error: unknown;
      try {
        const returned = handler(item.item, attempt);
        value = isThenable(returned) ? await returned : returned;
      } catch (thrown) {
        error = thrown;
      }
      pass.attempt = undefined;
      const taken = value === THREW ? this.#afterFailure(item, error) : this.#succeed(item, value);
      if (taken !== undefined) await this.#untilTaken(taken);
      this.#atWork -= 1;
      if (breather.due()) await breather.rest();
    }
    this.#passes.delete(pass);
    this.resume();
  }

  /** The next item to be handled: one whose wait is over goes first. */
  #take(): BatchItem<T> | undefined {
    if (!this.#mayBegin()) return undefined;
    const item = this.#waiting.takeDue() ?? (this.#mayPull() ? this.#source.take() : undefined);
    if (item === undefined) return undefined;
    // A source may stop the call from within its own next().
    if (this.#stopped) {
      this.#cancel(item, this.#stopped.reason);
      return undefined;
    }
    this.#atWork += 1;
    this.resume();
    return item;
  }

  /** As {@link #take}, for an item that comes within this turn of the event loop. */
  async #takeSoon(): Promise<BatchItem<T> | undefined> {
    if (!this.#source.fetching || !this.#mayPull() || this.#linger.active) return undefined;
    await this.#linger.begin();
    return this.#take();
  }

  /** The sink takes the outcome its own time: the item keeps its place until then. */
  async #untilTaken(taken: Promise<void>): Promise<void> {
    try {
      await taken;
    } catch (error) {
      this.#refused ??= { error };
      this.stop(error);
    }
  }

  #succeed(item: BatchItem<T>, value: R): MaybePromise<void> {
    item.attempts += 1;
    const taken = this.#setup.sink.succeeded(item, value);
    this.#report();
    return taken;
  }

  /** Sets the item aside for another attempt, if it gets one. */
  #afterFailure(item: BatchItem<T>, error: unknown): MaybePromise<void> {
    const { retry, random } = this.#setup.options;
    const attempt = item.attempts + 1;
    const next = this.#stopped ? undefined : decideRetry(retry, { error, attempt, delays: item.delays, random });
    if (next?.again && !next.usesAttempt) item.delays += 1;
    else item.attempts = attempt;
    // Looked at again: the policy's own retryOn may have stopped the call.
    if (this.#stopped) this.#cancel(item, error);
    else if (next?.again) this.#waiting.add(item, next.delayMs);
    else return this.#fail(item, error);
  }

  #fail(item: BatchItem<T>, error: unknown): MaybePromise<void> {
    const taken = this.#setup.sink.failed(item, error);
    this.#failures += 1;
    if (this.#failures >= this.#setup.options.stopAfterFailures) {
      this.stop(new TaskError('RUN_CANCELLED', `The batch was stopped because ${this.#failures} of its items failed`));
    }
    this.#report();
    return taken;
  }

  #cancel(item: BatchItem<T>, error: unknown): void {
    this.#setup.sink.cancelled(item, error);
    this.#report();
  }

  #report(): void {
    this.#setup.onEnded?.(this.#source.total);
  }

  #untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.resume();
    });
  }

  #noticeIdle(): void {
    if (this.#atWork > 0 || this.#waiting.size > 0) return;
    if (this.#stopped || this.#source.ended) this.#onIdle?.();
  }

  /** What was given and never begun. */
  async #cancelLeftovers(): Promise<void> {
    if (this.#stopped === undefined) return;
    const { sink, breather } = this.#setup;
    let any = false;
    for (const item of this.#source.leftovers()) {
      if (sink.full) await sink.whenRoom();
      sink.cancelled(item, this.#stopped.reason);
      any = true;
      if (breather.due()) await breather.rest();
    }
    if (any) this.#report();
  }
}
