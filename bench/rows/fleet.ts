import { runChild } from '../child.js';
import { type BenchRedis, benchRedis } from '../redis.js';
import type { Measuring, Row, Side } from '../row.js';

/** Fresh processes, ours and BullMQ used bare in turn, on the same Redis. */
function fleetRow(
  row: Pick<Row, 'name' | 'title' | 'unit' | 'target' | 'pairs'>,
  measure: (url: string, side: Side, measuring: Measuring) => Promise<number>,
): Row {
  let redis: BenchRedis | undefined;
  return {
    ...row,
    peer: true,
    open: async () => void (redis = await benchRedis()),
    close: async () => redis?.close(),
    measure: (side, measuring) => measure(redis?.url ?? '', side, measuring),
  };
}

const LEAST = { of: 'ratio', least: 0.95 } as const;

/**
 * Starts of a task that is validated by zod, against jobs with a priority, which ours have, too: 40,000 with 100 under
 * way, or in turns of 1,000 (theirs: `addBulk`). Nobody works on them.
 */
function adds(how: 'single' | 'bulk', name: string, title: string): Row {
  const row = { name, title, unit: 'runs/s', target: LEAST, pairs: 7 };
  return fleetRow(row, async (url, side, { quick }) => {
    const { perSecond } = await runChild<{ perSecond: number }>('fleet-adds', side, url, how, quick ? 4 : 40);
    return perSecond;
  });
}

/** Runs that have been added before, with a handler that does nothing: one Worker, with what our retention keeps. */
function runs(concurrency: number): Row {
  const [name, title] = [`fleet-run-${concurrency}`, `runs on Redis vs BullMQ bare, ${concurrency} at a time`];
  const thousands = concurrency === 1 ? 10 : 20;
  return fleetRow({ name, title, unit: 'runs/s', target: LEAST, pairs: 7 }, async (url, side, { quick }) => {
    const args = [side, url, concurrency, quick ? 2 : thousands] as const;
    return (await runChild<{ perSecond: number }>('fleet-runs', ...args)).perSecond;
  });
}

/** One thing at a time, 10 ms apart; the median of 300. */
function latency(row: Pick<Row, 'name' | 'title' | 'target'>, child: string): Row {
  return fleetRow({ ...row, unit: 'ms', pairs: 5 }, async (url, side, { quick }) => {
    const { milliseconds } = await runChild<{ milliseconds: number }>(child, side, url, quick ? 50 : 300);
    return milliseconds;
  });
}

/**
 * Cancels are told to another process: ours write down that the run is to be cancelled, and look what has become of it;
 * Relay used bare only tells.
 */
export const fleetRows: readonly Row[] = [
  adds('single', 'fleet-add', 'starts on Redis vs BullMQ bare, 100 under way'),
  adds('bulk', 'fleet-bulk', 'starts on Redis vs BullMQ bare, 1,000 in a turn'),
  ...[1, 16, 100].map(runs),
  latency({ name: 'fleet-idle', title: 'start to handler on Redis at idle' }, 'fleet-idle'),
  latency(
    {
      ...{ name: 'fleet-cancel', title: 'cancel to signal in another process vs Relay bare' },
      target: { of: 'ratio', most: 1.5 },
    },
    'fleet-cancel',
  ),
];
