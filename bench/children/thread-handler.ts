/** Computes for so many milliseconds: with 0, only the way there and back is measured. */
export function handler({ value, busyMs }: { value: number; busyMs: number }): number {
  const until = performance.now() + busyMs;
  while (busyMs > 0 && performance.now() < until);
  return value + 1;
}
