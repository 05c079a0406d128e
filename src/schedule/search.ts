/**
 * The smallest integer in (`low`, `high`] for which `test` holds, where it holds for `high`, not for `low`, and from some
 * point on for all between.
 */
export function firstWhere(low: number, high: number, test: (value: number) => boolean): number {
  let [no, yes] = [low, high];
  while (yes - no > 1) {
    const middle = no + Math.floor((yes - no) / 2);
    if (test(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}
