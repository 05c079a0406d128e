import { FileTooLargeError, type ByteStream } from '../ports/files.js';
import type { MaybePromise, Outcome, StoredRun } from '../ports/backend.js';
import { steering, TaskError } from '../task/errors.js';
import { fileRequest, isFileResult, type FileOptions, type FileResult, type FileSource } from '../task/file-result.js';
import { onAbort } from '../timing/on-abort.js';
import type { RunFiles } from './run-files.js';
import { sourceStream } from './source-stream.js';

/** What {@link AttemptFiles} asks of its attempt. */
export interface FilingAttempt {
  readonly run: StoredRun;
  readonly signal: AbortSignal;
  readonly ended: boolean;
}

/** The files that one attempt stores. One of them may become the run's result; all others go when the attempt has ended. */
export class AttemptFiles {
  readonly #attempt: FilingAttempt;
  readonly #files: RunFiles;
  /** Ends what is being stored: the attempt's signal does, and the end of the attempt. */
  readonly #abort = new AbortController();
  readonly #forgetSignal: () => void;
  /** The names of those that are there. */
  readonly #stored = new Set<string>();

  constructor(attempt: FilingAttempt, files: RunFiles) {
    this.#attempt = attempt;
    this.#files = files;
    const { signal } = attempt;
    this.#forgetSignal = onAbort(signal, () => this.#abort.abort(signal.reason));
  }

  /** See `TaskContext.file`. */
  store(name: string, source: FileSource, options: FileOptions | undefined): Promise<FileResult> {
    const stored = this.#store(name, source, options);
    // A handler that fails for another reason, with this one still under way, need not look at it.
    stored.catch(() => undefined);
    return stored;
  }

  /**
   * The attempt has ended, so. What the result names stays if the backend has recorded that.
   *
   * @param recorded undefined where nobody knows.
   */
  end(outcome: Outcome, recorded: MaybePromise<boolean | undefined>): void {
    this.#forgetSignal();
    this.#abort.abort(attemptEnded());
    const result = outcome.type === 'completed' && isFileResult(outcome.value) ? outcome.value.file : null;
    for (const name of this.#stored) if (name !== result) this.#files.remove(name, this.#attempt.run);
    if (outcome.type === 'completed' && this.#stored.size > 0) this.#tellOfLost(result);
    if (result === null || !this.#stored.has(result)) return;
    void Promise.resolve(recorded).then(
      // Whoever holds the run now may have been told something else.
      (valid) => valid === false && this.#files.removeUnlessNamed(result, this.#attempt.run),
      () => undefined,
    );
  }

  async #store(name: string, source: FileSource, options: FileOptions | undefined): Promise<FileResult> {
    const made = sourceStream(source);
    const stream = made instanceof Promise ? await made : made;
    stream.on('error', ignore); // it may fail before it is read, which would end the process
    try {
      const { type, limitBytes, name: shown } = fileRequest(name, options);
      const { file, bytes } = await this.#put(stream, limitBytes);
      stream.off('error', ignore);
      return Object.freeze({ file, name: shown, type, bytes });
    } catch (error) {
      stream.destroy();
      throw error instanceof FileTooLargeError ? tooLarge(name, error) : error;
    }
  }

  async #put(stream: ByteStream, limitBytes: number): Promise<Pick<FileResult, 'file' | 'bytes'>> {
    this.#refuseIfEnded();
    const { signal } = this.#abort;
    const { name: file, bytes } = await this.#files.put(this.#attempt.run, stream, { limitBytes, signal });
    // It was whole just before the end, which did not know of it.
    if (signal.aborted) this.#files.remove(file, this.#attempt.run);
    signal.throwIfAborted();
    this.#stored.add(file);
    return { file, bytes };
  }

  #refuseIfEnded(): void {
    this.#attempt.signal.throwIfAborted();
    if (this.#attempt.ended) throw attemptEnded();
  }

  /** Mostly a handler that has returned it inside something else. */
  #tellOfLost(result: string | null): void {
    const lost = [...this.#stored].filter((name) => name !== result).length;
    if (lost > 0) this.#files.tellOfLost(this.#attempt.run, lost);
  }
}

function attemptEnded(): TaskError {
  return new TaskError('RUN_CONFLICT', 'The attempt has ended: its files are stored before its handler returns');
}

/** Tried again, it would be as large. */
function tooLarge(name: string, cause: FileTooLargeError): TaskError {
  const { limitBytes } = cause;
  const message = `The file ${JSON.stringify(name)} is larger than ${limitBytes} bytes; ctx.file takes another limitBytes`;
  return steering(new TaskError('RESULT_INVALID', message, { cause, details: { limitBytes } }));
}

function ignore(): void {
  // Whoever stores the file is told.
}
