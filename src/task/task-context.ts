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
}
