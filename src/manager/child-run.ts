import type { Backend, StoredRun } from '../ports/backend.js';
import type { ChildHandle, WaitSignal } from '../task/child-handle.js';
import { TaskError } from '../task/errors.js';
import type { CancelRequest, Run } from '../task/run.js';
import type { StreamedEvent } from '../task/run-event.js';
import { unlessAborted } from '../timing/on-abort.js';
import { asInterruption } from './interruption.js';
import type { RunHandle } from './run-handle.js';
import { checkWait, quiet } from './wait.js';

/** What a {@link ChildRun} is made with. */
export interface ChildParts {
  readonly run: StoredRun;
  readonly handle: RunHandle<unknown>;
  /** Waits without the parent's slot. */
  readonly lentFor: <T>(wait: Promise<T>) => Promise<T>;
  /** Whether it has ended so because its manager closes. */
  readonly isInterrupted: (run: Run) => boolean;
}

/** One child of an attempt: what its handler holds of it, and what the attempt knows of it. */
export class ChildRun implements ChildHandle<unknown> {
  readonly run: StoredRun;
  readonly #parts: ChildParts;
  readonly #final: Promise<Run>;
  #end: (run: Run) => void = () => undefined;
  #leave: (reason: unknown) => void = () => undefined;
  #over = false;
  #resultWaits = 0;
  #unwatch: () => void = () => undefined;
  /** Whatever it ends as, its parent need not fail for it. */
  isDealtWith = false;

  constructor(parts: ChildParts) {
    this.run = parts.run;
    this.#parts = parts;
    this.#final = new Promise<Run>((resolve, reject) => {
      this.#end = resolve;
      this.#leave = reject;
    });
    this.#final.catch(() => undefined);
  }

  get id(): string {
    return this.run.id;
  }

  result(wait?: WaitSignal): Promise<unknown> {
    return quiet(this.#result(wait));
  }

  settled(wait?: WaitSignal): Promise<Run> {
    this.isDealtWith = true;
    return quiet(this.#wait(wait));
  }

  snapshot(): Promise<Run | undefined> {
    return this.#parts.handle.snapshot();
  }

  cancel(reason?: string | CancelRequest): Promise<Run | undefined> {
    this.isDealtWith = true;
    return this.#parts.handle.cancel(reason);
  }

  events(wait?: WaitSignal): AsyncIterable<StreamedEvent> {
    return this.#parts.handle.events(wait);
  }

  /** It has ended, and what is to be kept of that is kept: its waits end. */
  ended(run: Run): void {
    this.#over = true;
    if (this.#resultWaits > 0) this.isDealtWith = true;
    this.#end(run);
  }

  /** Its parent cannot wait for it any longer: its waits reject with the reason. */
  left(reason: unknown): void {
    this.#over = true;
    this.#unwatch();
    this.#leave(reason);
  }

  /** Calls back, once, when the run has ended, perhaps in this call. */
  watch(backend: Backend, callback: (run: Run) => void): void {
    this.#unwatch = () => backend.unwatch(this.run, 'final', callback);
    backend.watch(this.run, 'final', callback);
  }

  /** Whether it has ended, or was left. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Resolves when it has ended or was left. */
  get over(): Promise<unknown> {
    return this.#final.catch(() => undefined);
  }

  /** Why the parent has failed, where nobody deals with how this child ended. */
  async failure(run: Run): Promise<TaskError> {
    const { id, task, status, error } = run;
    const code = error?.code ?? 'RUN_CANCELLED';
    const cause: unknown = await this.#parts.handle.result().catch((thrown: unknown) => thrown);
    const message = `The child run ${id} of the task ${String(task)} ${whatHappened(run)}`;
    const failure = new TaskError('CHILD_FAILED', message, { cause, details: { runId: id, task, status, code } });
    return this.#parts.isInterrupted(run) ? asInterruption(failure) : failure;
  }

  async #result(wait: WaitSignal | undefined): Promise<unknown> {
    if (this.#over) this.isDealtWith = true;
    this.#resultWaits += 1;
    let run: Run;
    try {
      run = await this.#wait(wait);
    } finally {
      this.#resultWaits -= 1;
    }
    if (run.status === 'completed') return run.result;
    throw await this.failure(run);
  }

  /** The slot is not lent where there is nothing to wait for. */
  #wait(wait: WaitSignal = {}): Promise<Run> {
    return this.#over ? this.#unless(wait) : this.#parts.lentFor(this.#unless(wait));
  }

  async #unless(wait: WaitSignal): Promise<Run> {
    checkWait(wait);
    const { signal } = wait;
    if (signal === undefined) return this.#final;
    return unlessAborted(signal, (done, failed) => {
      this.#final.then(done, failed);
      return () => undefined;
    });
  }
}

/** A message that was not written for callers is in the cause alone. */
function whatHappened({ status, cancelReason, error }: Run): string {
  if (status === 'cancelled') return cancelReason === null ? 'was cancelled' : `was cancelled: ${cancelReason}`;
  return error?.exposed === true ? `failed: ${error.message}` : `failed with ${error?.code ?? 'HANDLER_FAILED'}`;
}
