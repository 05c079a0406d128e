import { checkOptions, checkSignal } from '../task/checks.js';
import type { WaitSignal } from '../task/child-handle.js';

/** @throws {TypeError} when these are no options of a wait, or `signal` is no AbortSignal. */
export function checkWait(wait: WaitSignal): void {
  checkOptions("a wait's options", wait, ['signal']);
  checkSignal(wait.signal);
}

/** A rejection that nobody reads is no `unhandledRejection`. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
