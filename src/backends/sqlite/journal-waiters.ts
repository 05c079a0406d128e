import { hasCode, TaskError } from '../../task/errors.js';
import type { StoredRecord } from './stored-record.js';

/** Somebody who waits until a record is safe; with `failed`, no longer than the next try to write it takes, and a few seconds for the disk. */
export interface Waiter {
  /** Undefined where nothing but the commit is waited for. */
  readonly record: StoredRecord | undefined;
  /** The commit that has to be safe, whatever the record says. */
  readonly commit: number;
  readonly then: () => void;
  readonly failed?: (error: TaskError) => void;
  /** It has waited for a while already in which nothing got safe. */
  late?: boolean;
}

/** Those who are to be told of changes, in the order in which they are told. */
export class JournalWaiters {
  #waiters: Waiter[] = [];
  #ended = false;
  readonly #onError: (error: unknown) => void;

  /** @param onError somebody threw when told. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  add(waiter: Waiter): void {
    if (this.#ended) waiter.failed?.(unsafeAtEnd());
    else this.#waiters.push(waiter);
  }

  /** Tells those whose records, and commits, are safe; the first whose are not, and all behind it, wait on. */
  tell(safe: number): void {
    const waiters = this.#waiters;
    const first = waiters.findIndex(({ record, commit }) => record?.owed === true || commit > safe);
    this.#waiters = first < 0 ? [] : waiters.slice(first);
    for (const { then } of first < 0 ? waiters : waiters.slice(0, first)) {
      try {
        then();
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  /**
   * What was to be written is not. Those who wait no longer than this are told so; nobody waits for a run any more that
   * was refused. What is written already only has to reach the disk, and is waited for.
   *
   * @param written the last commit that was made.
   */
  fail(error: TaskError, written: number): void {
    const waiters = this.#waiters;
    const isOver = ({ record, commit, failed }: Waiter): boolean =>
      record?.refused === true || (failed !== undefined && (record?.dirty === true || commit > written));
    this.#waiters = waiters.filter((waiter) => !isOver(waiter));
    for (const waiter of waiters) if (isOver(waiter)) waiter.failed?.(error);
  }

  /** Nothing has got safe for a while: those who do not wait for ever, and did so before, are told so. */
  stuck(): void {
    const isOver = ({ failed, late }: Waiter): boolean => failed !== undefined && late === true;
    const over = this.#waiters.filter(isOver);
    this.#waiters = this.#waiters.filter((waiter) => !isOver(waiter));
    for (const waiter of this.#waiters) waiter.late = true;
    for (const { failed } of over) failed?.(unconfirmed());
  }

  /** Nothing gets safe any more: whoever waits for that is told so, and who was to be told of changes never is. */
  end(): void {
    this.#ended = true;
    for (const { failed } of this.#waiters.splice(0)) failed?.(unsafeAtEnd());
  }
}

/** Whether this says that nobody knows whether what was written has got to the disk. */
export function isUnconfirmed(error: unknown): error is TaskError {
  return hasCode(error, 'BACKEND') && error.details['accepted'] === 'unknown';
}

function unsafeAtEnd(): TaskError {
  return unknown('The disk refused this until the manager was closed; a later one knows what was stored');
}

function unconfirmed(): TaskError {
  return unknown('The disk does not confirm what was written; look again later whether it has');
}

function unknown(message: string): TaskError {
  return new TaskError('BACKEND', message, { details: { accepted: 'unknown' } });
}
