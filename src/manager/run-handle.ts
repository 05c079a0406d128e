import type { Backend, StoredRun } from '../ports/backend.js';
import type { ByteStream } from '../ports/files.js';
import type { WaitSignal } from '../task/child-handle.js';
import { TaskError } from '../task/errors.js';
import { type FileResult, isFileResult } from '../task/file-result.js';
import { resultError } from '../task/run-error.js';
import type { CancelRequest, Run } from '../task/run.js';
import type { StreamedEvent } from '../task/run-event.js';
import { isFinal } from '../task/status.js';
import { unlessAborted } from '../timing/on-abort.js';
import { checkWait, quiet } from './wait.js';

export type { WaitSignal } from '../task/child-handle.js';

/** What a handle asks its manager for. */
export interface HandleSource {
  readonly backend: Backend;
  readonly files: { open(result: FileResult): Promise<ByteStream> };
  find(id: string): Promise<StoredRun | undefined>;
  /** Of the run with this id, and where an ordinal is given of no other. */
  cancel(id: string, reason: string | CancelRequest | undefined, ordinal?: number): Promise<Run | undefined>;
  /** Somebody cancelled a run that had ended. */
  cancelledLate(): void;
  events(id: string, run: StoredRun | undefined, signal: AbortSignal | undefined): AsyncIterable<StreamedEvent>;
}

/** The file that is the result of a run. */
export interface ResultFile extends Pick<FileResult, 'name' | 'type' | 'bytes'> {
  /** Its bytes. It holds a handle of the operating system: read it to its end, or destroy it. */
  readonly stream: ByteStream;
}

/**
 * What you hold of a run. It is not a promise: awaiting it gives the handle itself. It stays with its run, also when
 * the id is started again later.
 */
export class RunHandle<Result> {
  readonly id: string;
  /** True where an earlier start gave this run: under the same idempotency key, or by `ifActive: 'return'`. */
  readonly replayed: boolean;
  readonly #source: HandleSource;
  #run: StoredRun | undefined;
  #settled: Promise<Run> | undefined;

  /** Handles are made by a manager: `start`, `handle`, `redrive`. */
  constructor(source: HandleSource, id: string, known?: { readonly run: StoredRun; readonly replayed: boolean }) {
    this.#source = source;
    this.id = id;
    this.#run = known?.run;
    this.replayed = known?.replayed ?? false;
  }

  /**
   * What the handler returned: in the process where it was returned the thing itself, which whoever changes it changes
   * for everybody. A rejection that nobody reads is no `unhandledRejection`.
   *
   * @throws {TaskError} the run's code (`HANDLER_FAILED`, `TIME_LIMIT`, …, its `cause` is what the handler threw), or
   * RUN_CANCELLED, also where a cancelled run has kept a value; RUN_NOT_FOUND where there is no such run. @throws
   * {TypeError} when `signal` is no AbortSignal.
   */
  result(wait?: WaitSignal): Promise<Result> {
    return quiet(this.#result(wait));
  }

  /**
   * The run once it has ended, however it ended. Never rejects for a run that there is and that ends here.
   *
   * @throws {TaskError} RUN_NOT_FOUND where there is no such run; MANAGER_CLOSED where the manager closes first and the
   * run goes on in a later process. @throws {TypeError} when `signal` is no AbortSignal.
   */
  settled(wait?: WaitSignal): Promise<Run> {
    if (wait !== undefined) return quiet(this.#settleUnless(wait));
    return (this.#settled ??= this.#run === undefined ? quiet(this.#settleLater()) : this.#settle(this.#run));
  }

  /**
   * Opens the file that a handler has returned with `ctx.file`, once the run has ended; also the one that a cancelled run
   * has kept.
   *
   * @throws {TaskError} as `result`; RESULT_INVALID where the result is no file; BACKEND when it cannot be read, with the
   * `details.reason` `'ENOENT'` where it is not there any more.
   */
  async file(wait?: WaitSignal): Promise<ResultFile> {
    const run = await this.settled(wait);
    if (run.status !== 'completed' && run.result === undefined) throw resultError(run, (await this.#now())?.cause);
    if (!isFileResult(run.result)) {
      const details = { runId: this.id };
      throw new TaskError('RESULT_INVALID', `The result of run ${this.id} is no file: read it with result()`, {
        details,
      });
    }
    const { name, type, bytes } = run.result;
    return { name, type, bytes, stream: await this.#source.files.open(run.result) };
  }

  /** The run as it is now; undefined where there is none (any more). */
  async snapshot(): Promise<Run | undefined> {
    const run = await this.#now();
    // An end that is not kept yet could be taken back by a crash.
    if (run !== undefined && this.#source.backend.durable && isFinal(run.status)) return endOf(run, this.#source);
    return run?.snapshot();
  }

  /**
   * Asks the run to stop. A waiting one is `cancelled` at once, a running one `cancelling`; an ended one stays as it is.
   *
   * @returns the run after the request; undefined where there is none.
   */
  async cancel(reason?: string | CancelRequest): Promise<Run | undefined> {
    const run = this.#run;
    if (run === undefined) return this.#source.cancel(this.id, reason);
    const asked = isFinal(run.status) ? undefined : await this.#source.cancel(this.id, reason, run.ordinal);
    if (asked !== undefined) return asked;
    this.#source.cancelledLate();
    return (await this.#now())?.snapshot();
  }

  /**
   * Begins with the present state and ends after the final event, or when the signal aborts. Subscribes when called.
   *
   * @throws {TypeError} when `signal` is no AbortSignal.
   */
  events(wait: WaitSignal = {}): AsyncIterable<StreamedEvent> {
    checkWait(wait);
    return this.#source.events(this.id, this.#run, wait.signal);
  }

  async #result(wait: WaitSignal | undefined): Promise<Result> {
    const run = await this.settled(wait);
    // The type came with the task or the function that `start` was given.
    if (run.status === 'completed') return run.result as Result;
    throw resultError(run, (await this.#now())?.cause);
  }

  #settle(run: StoredRun): Promise<Run> {
    const { backend } = this.#source;
    if (backend.durable)
      return quiet(new Promise((resolve, reject) => backend.watch(run, 'final', endedOrClosed(resolve, reject))));
    if (isFinal(run.status)) return Promise.resolve(run.snapshot());
    return new Promise((resolve) => backend.watch(run, 'final', resolve));
  }

  async #settleLater(): Promise<Run> {
    try {
      return await this.#settle(await this.#find());
    } catch (error) {
      this.#settled = undefined; // the run may be there the next time
      throw error;
    }
  }

  async #settleUnless(wait: WaitSignal): Promise<Run> {
    checkWait(wait);
    const { signal } = wait;
    if (signal === undefined) return this.settled();
    signal.throwIfAborted();
    const run = await this.#find();
    const { backend } = this.#source;
    return unlessAborted(signal, (done, failed) => {
      const onFinal = endedOrClosed(done, failed);
      backend.watch(run, 'final', onFinal);
      return () => backend.unwatch(run, 'final', onFinal);
    });
  }

  /**
   * The run as it is now. One that other processes may have is read again, as what is known here does not change; where
   * another run has its id by now, it stays as it was seen last.
   */
  async #now(): Promise<StoredRun | undefined> {
    const { backend } = this.#source;
    if (this.#run !== undefined && !backend.shared) return this.#run;
    const found = await this.#source.find(this.id);
    if (this.#run === undefined) return found;
    if (found?.ordinal === this.#run.ordinal) this.#run = found;
    return this.#run;
  }

  async #find(): Promise<StoredRun> {
    this.#run ??= await this.#source.find(this.id);
    if (this.#run !== undefined) return this.#run;
    throw new TaskError('RUN_NOT_FOUND', `There is no run ${this.id}`, { details: { runId: this.id } });
  }
}

/** A run that has ended, once that is kept. */
function endOf(run: StoredRun, { backend }: HandleSource): Promise<Run> {
  return new Promise((resolve) => backend.watch(run, 'final', resolve));
}

/** What settles a wait for the end of a run that may outlive this process. */
function endedOrClosed(resolve: (run: Run) => void, reject: (error: TaskError) => void): (run: Run) => void {
  return (run) => {
    if (isFinal(run.status)) resolve(run);
    else
      reject(
        new TaskError('MANAGER_CLOSED', `The manager was closed; run ${run.id} is ${run.status} and goes on later`),
      );
  };
}
