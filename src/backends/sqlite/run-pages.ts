import type { RunFilter, StoredPage } from '../../ports/backend.js';
import type { Run } from '../../task/run.js';
import { nextTurn } from '../../timing/next-turn.js';
import { TurnShare } from '../../timing/turn-share.js';
import { readOrdinal, SCAN_LIMIT, writeOrdinal } from '../live/paging.js';
import type { RunScan } from './run-scan.js';
import type { SqliteParts } from './sqlite-parts.js';

/** Lets the event loop turn where its share is used up. */
type Breathe = () => Promise<void> | undefined;

/** What a page is made of. */
interface Found {
  readonly ordinals: readonly number[];
  /** The last run that was looked at. */
  readonly last: number | undefined;
}

/** A page of runs, newest first, as they are in memory where that knows better than the file. */
export async function listRuns(parts: SqliteParts, filter: RunFilter): Promise<StoredPage> {
  const { journal, store, environment } = parts;
  const before = filter.cursor === undefined ? Number.MAX_SAFE_INTEGER : readOrdinal(filter.cursor);
  await journal.committed();
  const scan = store.scan(filter);
  const breathe = breather(new TurnShare(() => environment.clock.monotonic()));
  const { ordinals, last } = await find(scan, { before, limit: filter.limit, breathe });
  const items: Run[] = [];
  let owed = false;
  for (const ordinal of ordinals) {
    const pause = breathe();
    if (pause !== undefined) await pause;
    const record = scan.read(ordinal);
    if (record === undefined) continue;
    const latest = parts.latest(record);
    owed ||= latest.owed;
    items.push(latest.snapshot());
  }
  // What is shown is told: a run may have changed since, and a crash could take that back.
  if (owed) await journal.committed();
  return last !== undefined && store.hasOlder(last) ? { items, nextCursor: writeOrdinal(last) } : { items };
}

function breather(share: TurnShare): Breathe {
  return () => {
    if (!share.isOver()) return undefined;
    return new Promise<void>(nextTurn).then(() => share.renew());
  };
}

/** The runs of a page, among the next {@link SCAN_LIMIT} rows. */
async function find(
  scan: RunScan,
  { before, limit, breathe }: { readonly before: number; readonly limit: number; readonly breathe: Breathe },
): Promise<Found> {
  const ordinals: number[] = [];
  let last: number | undefined;
  for (let looked = 0; looked < SCAN_LIMIT;) {
    const pause = breathe();
    if (pause !== undefined) await pause;
    const piece = scan.piece(last ?? before, looked);
    if (piece.last === undefined) break;
    ordinals.push(...piece.ordinals);
    if (ordinals.length >= limit) return { ordinals: ordinals.slice(0, limit), last: ordinals[limit - 1] };
    last = piece.last;
    looked += piece.rows;
  }
  return { ordinals, last };
}
