import { runChild } from '../child.js';
import { fleetRow } from '../fleet-row.js';
import type { Row } from '../row.js';
import { type BenchServerKind, POSTGRES, REDIS } from '../servers.js';

/** A server, and how much is measured on it: PostgreSQL takes several times as long for the same. */
interface Ground {
  readonly kind: BenchServerKind;
  /** What the names of its rows begin with. */
  readonly name: string;
  readonly pairs: number;
  /** How many thousands are added, and are worked on one at a time, or many. */
  readonly adds: number;
  readonly runs: { readonly single: number; readonly many: number };
}

const GROUNDS: readonly Ground[] = [
  { kind: REDIS, name: 'fleet', pairs: 7, adds: 40, runs: { single: 10, many: 20 } },
  { kind: POSTGRES, name: 'fleet-postgres', pairs: 5, adds: 8, runs: { single: 2, many: 4 } },
];

const LEAST = { of: 'ratio', least: 0.95 } as const;

/**
 * Starts of a task that is validated by zod, against jobs with a priority, which ours have, too: so many thousands with
 * 100 under way, or in turns of 1,000 (theirs: `addBulk`). Nobody works on them.
 */
function adds({ kind, name, pairs, adds: thousands }: Ground, how: 'single' | 'bulk'): Row {
  const [last, load] = how === 'single' ? ['add', '100 under way'] : ['bulk', '1,000 in a turn'];
  const title = `starts on ${kind.name} vs BullMQ bare, ${load}`;
  const row = { name: `${name}-${last}`, title, unit: 'runs/s', target: LEAST, pairs };
  return fleetRow(kind, row, async ({ url, prefix }, side, { quick }) => {
    const args = [side, url, prefix, how, quick ? Math.ceil(thousands / 10) : thousands] as const;
    return (await runChild<{ perSecond: number }>('fleet-adds', ...args)).perSecond;
  });
}

/** Runs that have been added before, with a handler that does nothing: one Worker, with what our retention keeps. */
function runs({ kind, name, pairs, runs: thousands }: Ground, concurrency: number): Row {
  const title = `runs on ${kind.name} vs BullMQ bare, ${concurrency} at a time`;
  const row = { name: `${name}-run-${concurrency}`, title, unit: 'runs/s', target: LEAST, pairs };
  const whole = concurrency === 1 ? thousands.single : thousands.many;
  return fleetRow(kind, row, async ({ url, prefix }, side, { quick }) => {
    const args = [side, url, prefix, concurrency, quick ? whole / 4 : whole] as const;
    return (await runChild<{ perSecond: number }>('fleet-runs', ...args)).perSecond;
  });
}

/** One thing at a time, 10 ms apart; the median of 300. */
function latency({ kind }: Ground, row: Pick<Row, 'name' | 'title' | 'target'>, child: string): Row {
  return fleetRow(kind, { ...row, unit: 'ms', pairs: 5 }, async ({ url, prefix }, side, { quick }) => {
    const { milliseconds } = await runChild<{ milliseconds: number }>(child, side, url, prefix, quick ? 50 : 300);
    return milliseconds;
  });
}

function idle(ground: Ground): Row {
  const title = `start to handler on ${ground.kind.name} at idle`;
  return latency(ground, { name: `${ground.name}-idle`, title }, 'fleet-idle');
}

/**
 * Cancels are told to another process: ours write down that the run is to be cancelled, and look what has become of it;
 * Relay used bare only tells.
 */
function cancel(ground: Ground): Row {
  const title = `cancel to signal in another process on ${ground.kind.name} vs Relay bare`;
  const row = { name: `${ground.name}-cancel`, title, target: { of: 'ratio', most: 1.5 } } as const;
  return latency(ground, row, 'fleet-cancel');
}

/** Fresh processes, ours and BullMQ used bare in turn, on the same server: its own backend for each, with its defaults. */
export const fleetRows: readonly Row[] = GROUNDS.flatMap((ground) => [
  ...(['single', 'bulk'] as const).map((how) => adds(ground, how)),
  ...[1, 16, 100].map((concurrency) => runs(ground, concurrency)),
  ...[idle(ground), cancel(ground)],
]);
