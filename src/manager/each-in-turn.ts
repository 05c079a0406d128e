/**
 * Takes steps one after the other, each when the one before has ended, however it ended.
 *
 * @throws what the first one has thrown that failed, when all have been taken.
 */
export async function eachInTurn(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
