/**
 * Does all of it, one after the other, also where some fail: what one process has left broken must not keep a fleet from
 * everything else. Rejects with the first failure when all is done.
 */
export async function oneByOne<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const failures: unknown[] = [];
  for (const item of items) await act(item).catch((error: unknown) => void failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** The same, all at once. */
export async function allAtOnce<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  const failed = (await Promise.allSettled(items.map(act))).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
