import { runChild } from '../child.js';
import type { Row, Side } from '../row.js';

/** What `children/batch-*.ts` print. */
interface Timed {
  readonly milliseconds: number;
}

/**
 * 10⁶ items from a generator through a handler that gives each back, 10 at once, with every outcome kept; against
 * p-map, which keeps the values. A fresh process each; 10⁵ items went through the same code before.
 */
const vsPMap: Row = {
  name: 'batch-pmap',
  title: 'BatchProcessor vs p-map, items per second',
  unit: 'items/s',
  target: { of: 'ratio', least: 1.5 },
  pairs: 5,
  peer: true,
  measure: async (side, { quick }) => {
    const items = quick ? 100_000 : 1_000_000;
    const { milliseconds } = await runChild<Timed>('batch-items', side, items);
    return (items * 1_000) / milliseconds;
  },
};

/**
 * The resident set after 10⁷ items, divided by the one after 10⁵, in one process with `keep: 'none'`; garbage is
 * collected before each look.
 */
const flat: Row = {
  name: 'batch-flat',
  title: "resident memory, 1e7 / 1e5 items, keep 'none'",
  unit: '×',
  target: { of: 'ours', most: 1.1 },
  pairs: 1,
  peer: false,
  measure: async (_side, { quick }) =>
    (await runChild<{ growth: number }>('batch-flat', quick ? 1_000_000 : 10_000_000)).growth,
};

/** 20,000 items, 1 in 100 takes 50 ms, 10 at once: the ideal time is 200 × 50 ms / 10. `sliced` waits for slices of 50. */
function slowItems(way: 'window' | 'sliced'): Row {
  const sliced = way === 'sliced';
  return {
    name: `batch-slow-${way}`,
    title: `1 of 100 items slow, time / ideal${sliced ? ', slices of 50 (peer)' : ''}`,
    unit: '× ideal',
    ...(!sliced && { target: { of: 'ours', most: 1.03 } }),
    pairs: sliced ? 1 : 3,
    peer: false,
    measure: async (_side: Side, { quick }) => {
      const items = quick ? 2_000 : 20_000;
      const { milliseconds } = await runChild<Timed>('batch-slow', way, items);
      return milliseconds / ((items / 100) * (50 / 10));
    },
  };
}

export const batchRows: readonly Row[] = [vsPMap, flat, slowItems('window'), slowItems('sliced')];
