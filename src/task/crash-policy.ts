import { checkInteger, show } from './checks.js';

/** What becomes of a run whose process dies while its handler is at work; only on backends that outlive a process. */
export interface CrashPolicy {
  /** `'retry'`: its attempt is made again (at least once); `'fail'`: it fails as `RUN_INTERRUPTED` (at most once). */
  readonly onCrash: 'retry' | 'fail';
  /** How many processes may die at it: with the next one it fails as `CRASHED`. A crash uses no attempt. */
  readonly maxCrashes: number;
}

/** What tasks have that say nothing. */
export const CRASH_DEFAULTS: CrashPolicy = Object.freeze({ onCrash: 'retry', maxCrashes: 3 });

/**
 * Fills in what is not given.
 *
 * @throws {TypeError|RangeError} when one is of the wrong type or out of range.
 */
export function resolveCrashPolicy({
  onCrash,
  maxCrashes,
}: {
  readonly onCrash?: 'retry' | 'fail' | undefined;
  readonly maxCrashes?: number | undefined;
}): CrashPolicy {
  if (onCrash === undefined && maxCrashes === undefined) return CRASH_DEFAULTS;
  const policy = { onCrash: onCrash ?? CRASH_DEFAULTS.onCrash, maxCrashes: maxCrashes ?? CRASH_DEFAULTS.maxCrashes };
  if (!['retry', 'fail'].includes(policy.onCrash))
    throw new RangeError(`onCrash must be 'retry' or 'fail'; got ${show(onCrash)}`);
  checkInteger('maxCrashes', policy.maxCrashes, { min: 0, max: 1_000 });
  return policy;
}
