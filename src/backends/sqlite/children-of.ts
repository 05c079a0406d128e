import type { StoredRun } from '../../ports/backend.js';
import { isFinal } from '../../task/status.js';
import { nextTurn } from '../../timing/next-turn.js';
import { TurnShare } from '../../timing/turn-share.js';
import type { SqliteParts } from './sqlite-parts.js';
import type { StoredRecord } from './stored-record.js';

/** Those that have no final status: they are in memory, so this waits for nothing, nor fails while the disk does. */
export function unendedChildrenOf({ children }: SqliteParts, parent: StoredRun): readonly StoredRun[] {
  return [...children.of(parent)].filter(({ status }) => !isFinal(status));
}

/** All of them, as they are in memory where that knows better than the file; inputs and results may be long. */
export async function allChildrenOf(parts: SqliteParts, parent: StoredRun): Promise<readonly StoredRun[]> {
  const { environment, journal, store } = parts;
  const share = new TurnShare(() => environment.clock.monotonic());
  const found: StoredRecord[] = [];
  for (const ordinal of store.children(parent.ordinal)) {
    const child = store.shown(ordinal);
    if (child !== undefined) found.push(parts.latest(child));
    if (!share.isOver()) continue;
    await new Promise<void>(nextTurn);
    share.renew();
  }
  // What is looked at is told: a state that is not in the file yet could be taken back by a crash.
  if (found.some(({ owed }) => owed)) await journal.committed();
  return found;
}
