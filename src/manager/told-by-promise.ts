import type { MaybePromise } from '../ports/backend.js';

/** Everything that comes of a call is told by its promise, errors that it throws at once among them. */
export function toldByPromise<T>(call: () => MaybePromise<T>): Promise<T> {
  try {
    return Promise.resolve(call());
  } catch (error) {
    return rejected(error);
  }
}

/** An error that is told by a promise alone. */
export function rejected(error: unknown): Promise<never> {
  // What was thrown, perhaps by a getter of the caller's, or the reason of an abort, is passed on unchanged.
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
  return Promise.reject(error);
}
