/** Waits until a fact holds, turn by turn of the event loop; gives up after 20 seconds, so that a broken test ends. */
export async function until(fact: () => boolean | Promise<boolean>): Promise<void> {
  const begunAt = performance.now();
  while (!(await fact())) {
    if (performance.now() - begunAt > 20_000) throw new Error('what the test waited for did not become true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
