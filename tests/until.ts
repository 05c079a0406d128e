/**
 * Waits until a fact holds, turn by turn of the event loop; gives up after 20 seconds, so that a broken test ends.
 *
 * @param what for the message, where the fact does not say it itself.
 */
export async function until(fact: () => boolean | Promise<boolean>, what = 'what was to become true'): Promise<void> {
  const begunAt = performance.now();
  while (!(await fact())) {
    if (performance.now() - begunAt > 20_000) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
