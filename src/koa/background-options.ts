import type { AdHocOptions, StartOptions } from '../manager/manager-options.js';
import { show } from '../task/checks.js';

/** What the list takes with everything that is added to it. */
export interface ItemOptions {
  /**
   * `'success'` (default): left out where the request has failed, that is, where an error reached the middleware
   * `backgroundTasks`, the body broke off, or the status is 400 or above. `'always'`: runs in any case.
   */
  readonly when?: 'success' | 'always';
  /** Begins without waiting for those before it, and those after it do not wait for it. */
  readonly parallel?: boolean;
}

/** What `add` takes with a task. */
export interface BackgroundOptions extends StartOptions, ItemOptions {}

/** What `add` takes with a function. */
export interface BackgroundFunctionOptions extends AdHocOptions, ItemOptions {
  /** What the run's id begins with, for whoever looks at it. Default `'after-response'`. */
  readonly name?: string;
}

/** Takes the list's own options out of those of a start. @throws {TypeError|RangeError} when one of them is malformed. */
export function splitItemOptions<T extends ItemOptions>(
  options: T,
  parallelUnlessGiven: boolean,
): readonly [Required<ItemOptions>, Omit<T, keyof ItemOptions>] {
  const { when = 'success', parallel = parallelUnlessGiven, ...others } = options;
  if (!['success', 'always'].includes(when))
    throw new RangeError(`when must be 'success' or 'always'; got ${show(when)}`);
  return [{ when, parallel: checkFlag('parallel', parallel) }, others];
}

/** @throws {TypeError} when it is no boolean. */
export function checkFlag(what: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${what} must be true or false; got ${show(value)}`);
}
