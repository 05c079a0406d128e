import type { Resources } from './resources.js';
import type { StartChild } from './child-handle.js';
import type { FileOptions, FileResult, FileSource } from './file-result.js';

/** Writes lines that become `run:log` events of the run, and go to the manager's logger. */
export interface RunLog {
  readonly debug: (message: string) => void;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly error: (message: string) => void;
}

/** What a handler is given beside its input. Every member can be taken out: `(input, { progress, signal }) => …`. */
export interface TaskContext {
  /** The id of the run; for an item of an import, the id of the import's run. */
  readonly runId: string;
  /** This attempt, counted from 1. */
  readonly attempt: number;
  /** Which record of an import this is, counted from 0; null for an ordinary run. */
  readonly itemIndex: number | null;
  /**
   * Aborts once, with the first reason there is: a `CancelledError`, a `TimeLimitError`, or a `TaskError`
   * `RUN_INTERRUPTED` when the manager closes. Made when it is first read, one for each attempt.
   */
  readonly signal: AbortSignal;
  /** When the first time limit of this attempt runs out, in epoch milliseconds; null without one. */
  readonly deadlineAt: number | null;
  /**
   * The same in every attempt of this run and of no other run: what to send along to systems that deduplicate. The key
   * that `start` was given, or where the run has an owner too a digest of both, because two owners may choose the same
   * key; without one, a key made of the run's id and acceptance.
   */
  readonly idempotencyKey: string;
  /** What the manager was given as `resources`, open: see {@link Resources}. Not there in threads and processes. */
  readonly resources: Resources;
  readonly log: RunLog;
  /**
   * Says how far the attempt has come. At most 10 a second are stored, the last one always; a `done` below an earlier
   * one of this attempt is ignored, and so is everything after the run has ended.
   *
   * @param done at least 0
   * @param total at least 0; left out where nobody knows
   * @param note at most 500 characters; longer ones are cut
   * @throws {TypeError|RangeError} when a count is not a finite number of at least 0, or the note no string.
   */
  readonly progress: (done: number, total?: number | null, note?: string | null) => void;
  /**
   * Starts a child of this run: a run of a task, with `parentId`. The run does not end before its children have: when the
   * handler returns, those still open are waited for; when it throws, and when the run is cancelled or runs out of time,
   * they are cancelled. A child that fails, or that somebody else cancels, fails this attempt with `CHILD_FAILED` unless the
   * handler waits for its `result()` or has called `settled()`.
   *
   * @throws {TypeError|RangeError} when an option is wrong, or `task` no task.
   * @throws {TaskError} NON_RETRYABLE when the child would be deeper than the manager's `maxDepth`, or there are too many
   * keys; KEY_REUSED when this attempt has started something else under the key; RUN_CONFLICT when the attempt is over; the
   * signal's reason when that has aborted; else as `manager.start`.
   */
  readonly start: StartChild;
  /**
   * Does a part of the work once: what `fn` gives is stored with the run as JSON, and a later attempt, also after a crash,
   * gets it without `fn` being called. One that throws is not kept. In an item of an import nothing is kept: `fn` is called.
   *
   * @param key which step it is: 1 to 255 visible ASCII characters; at most 10,000 in a run.
   * @returns the value as it was read back: whoever gets it first gets the same as whoever gets it later.
   * @throws {TaskError} RESULT_INVALID, which is not tried again, when the value cannot be stored or is larger than 1 MiB;
   * NON_RETRYABLE when there are too many steps; the signal's reason when the attempt is over; BACKEND when it cannot be
   * kept. @throws whatever `fn` throws, unchanged.
   */
  readonly step: <T>(key: string, fn: () => T | PromiseLike<T>) => Promise<T>;
  /**
   * Stores a file, for the handler to return as its result: `return ctx.file('report.pdf', stream)`. Resolves when all that
   * the source gives is stored, and where runs outlive the process on the disk. It ends with the signal, and a file that the
   * attempt does not return, alone, is removed; the file of a result lives as long as the record of its run.
   *
   * @param name what it is called where it is downloaded: 1 to 255 characters, no control characters, no / and \\.
   * @throws {TypeError|RangeError} when the name, the source or an option is malformed.
   * @throws {TaskError} RESULT_INVALID, which is not tried again, when it is longer than `limitBytes`; BACKEND when it
   * cannot be stored, or there is nowhere to; NON_RETRYABLE for an item of an import. @throws the signal's reason, or
   * the source's own error, unchanged.
   */
  readonly file: (name: string, source: FileSource, options?: FileOptions) => Promise<FileResult>;
}
