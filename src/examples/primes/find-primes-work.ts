import type { ThreadHandler } from 'errand/thread';

/** What is handed to the thread. */
export interface Range {
  /** The first number that is looked at. */
  readonly from: number;
  /** How many primes are wanted. */
  readonly count: number;
}

/**
 * Finds the next primes in one loop that never gives the event loop its turn: nothing in it looks at `ctx.signal`. In a
 * thread that does no harm, and a cancel ends it all the same.
 */
export const handler: ThreadHandler<Range, { readonly last: number }> = ({ from, count }, ctx) => {
  let found = 0;
  let last = 0;
  for (let number = from; found < count; number += 1) {
    if (!isPrime(number)) continue;
    found += 1;
    last = number;
    if (found % 1_000 === 0) ctx.progress(found, count);
  }
  return { last };
};

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) return false;
  return true;
}
