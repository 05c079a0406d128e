import { show } from './checks.js';

/** What becomes of the other children of a run when one has failed and nobody handles it. */
export type ChildPolicy = 'fail-fast' | 'collect';

const POLICIES: readonly unknown[] = ['fail-fast', 'collect'] satisfies readonly ChildPolicy[];

/** @throws {RangeError} when it is none; `what` says whose. Undefined is the default, `'fail-fast'`. */
export function checkChildPolicy(what: string, policy: ChildPolicy = 'fail-fast'): ChildPolicy {
  if (POLICIES.includes(policy)) return policy;
  throw new RangeError(`${what} must be 'fail-fast' or 'collect'; got ${show(policy)}`);
}
