import { runChild } from '../child.js';
import type { Measuring, Row, Side } from '../row.js';

/** What `children/tracked-runs.ts` prints. */
interface Tracked {
  readonly microseconds: number;
  readonly peakMegabytes: number;
}

const SIZES: readonly [name: string, n: number, pairs: number][] = [
  ['1e5', 100_000, 7],
  ['1e6', 1_000_000, 3],
];
const CONCURRENCIES: readonly [name: string, concurrency: number][] = [
  ['16', 16],
  ['unbounded', Infinity],
];

/**
 * A tracked run of a task that does nothing, validated by zod, from `start` to its final snapshot, against an
 * untracked `queue.add(noop)`. All n are started in one turn and awaited together. Each measurement is a process of its
 * own in which the code is warm: 3 × 10⁵ runs went through the same manager or queue before; at 10⁵ the middle one of
 * three rounds counts.
 */
function trackedRun(size: (typeof SIZES)[number], [at, concurrency]: (typeof CONCURRENCIES)[number]): Row {
  const [name, n, pairs] = size;
  return {
    name: `run-${name}-${at}`,
    title: `tracked run vs p-queue, n ${name}, ${at}`,
    unit: 'µs',
    target: { of: 'ratio', most: 1 },
    pairs,
    peer: true,
    measure: async (side, { quick }) => (await tracked(side, quick ? n / 10 : n, concurrency, 3)).microseconds,
  };
}

/** The largest resident set of a fresh process that does nothing but these 10⁶ runs, Node itself included. */
function peakMemory([at, concurrency]: (typeof CONCURRENCIES)[number]): Row {
  return {
    name: `peak-${at}`,
    title: `peak memory at 1e6 vs p-queue, ${at}`,
    unit: 'MB',
    target: { of: 'ratio', most: 0.65 },
    pairs: 3,
    peer: true,
    measure: async (side, { quick }) =>
      (await tracked(side, quick ? 100_000 : 1_000_000, concurrency, 0)).peakMegabytes,
  };
}

function tracked(side: Side, n: number, concurrency: number, warmUps: number): Promise<Tracked> {
  return runChild<Tracked>('tracked-runs', side, n, concurrency, warmUps);
}

/** Growth of the heap, after a collection, by 10⁵ finished runs with a result of one small object, all of them kept. */
const bytesKept: Row = {
  name: 'kept',
  title: 'kept for a finished run',
  unit: 'bytes',
  target: { of: 'ours', most: 400 },
  pairs: 3,
  peer: false,
  measure: async (_side: Side, { quick }: Measuring) =>
    (await runChild<{ bytes: number }>('finished-runs', quick ? 20_000 : 100_000)).bytes,
};

export const runRows: readonly Row[] = [
  ...SIZES.flatMap((size) => CONCURRENCIES.map((concurrency) => trackedRun(size, concurrency))),
  ...CONCURRENCIES.map(peakMemory),
  bytesKept,
];
