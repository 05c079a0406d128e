/** The time of day by this computer's clock, in epoch milliseconds. Examples are given it, so that tests can give another. */
export function presentTime(): number {
  return Date.now();
}
