import { runChild } from '../child.js';
import type { Row } from '../row.js';

/** What `children/child-runs.ts` prints. */
interface ChildRuns {
  readonly perSecond: number;
  readonly peakMegabytes: number;
}

/** What `children/steps.ts` and `children/chains.ts` print. */
interface Cost {
  readonly microseconds: number;
}

type Kind = 'plain' | 'child' | 'keyed';

function childRuns(kind: Kind, quick: boolean, warmUps: number): Promise<ChildRuns> {
  return runChild<ChildRuns>('child-runs', kind, quick ? 4_000 : 40_000, warmUps);
}

/**
 * 20,000 parents that start one child each and await its result, against 40,000 runs of the child's task: as many runs
 * on both sides, all started in one turn, at the standard concurrency. Each measurement is a process of its own in which
 * three such rounds went before; the middle one of three counts.
 */
function childRow(kind: 'child' | 'keyed', peer: Kind, title: string): Row {
  return {
    ...{ name: kind === 'child' ? 'child-run' : 'child-keyed', title },
    unit: 'runs/s',
    pairs: 7,
    peer: true,
    measure: async (side, { quick }) => (await childRuns(side === 'ours' ? kind : peer, quick, 3)).perSecond,
  };
}

/** The largest resident set of a fresh process that does nothing but one such round, Node itself included. */
const peakMemory: Row = {
  ...{ name: 'child-peak', title: 'peak memory of parents and children vs plain runs' },
  unit: 'MB',
  pairs: 3,
  peer: true,
  measure: async (side, { quick }) => (await childRuns(side === 'ours' ? 'child' : 'plain', quick, 0)).peakMegabytes,
};

/** 1,000 steps in each run, one after the other, that return a small object; as many went the same way before. */
function stepRow(backend: 'memory' | 'sqlite', atOnce: number): Row {
  return {
    name: `step-${backend}-${atOnce}`,
    title: `a step on ${backend === 'memory' ? 'memory' : 'SQLite'}, ${atOnce === 1 ? 'one run' : `${atOnce} runs`} at once`,
    unit: 'µs',
    pairs: 5,
    peer: false,
    measure: async (_side, { quick }) =>
      (await runChild<Cost>('steps', backend, quick ? atOnce : Math.max(atOnce, 20), atOnce)).microseconds,
  };
}

/**
 * 2,000 chains of ten parts, started in one turn, against as many runs in which the ten handlers are called by hand. A
 * chain has eight parts at most, so it is one of two chains of five: thirteen runs.
 */
const chains: Row = {
  ...{ name: 'chain-10', title: 'a chain of ten parts vs one run that calls ten handlers' },
  unit: 'µs',
  pairs: 5,
  peer: true,
  measure: async (side, { quick }) => (await runChild<Cost>('chains', side, quick ? 200 : 2_000)).microseconds,
};

export const childRows: readonly Row[] = [
  childRow('child', 'plain', 'parents and children vs plain runs'),
  childRow('keyed', 'child', 'parents and keyed children vs those without keys'),
  peakMemory,
  stepRow('memory', 1),
  stepRow('sqlite', 1),
  stepRow('sqlite', 64),
  chains,
];
