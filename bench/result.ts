import type { Measuring, Row, Target } from './row.js';

/** What a row came to. */
export interface Result {
  readonly row: Row;
  /** The peer's median. */
  readonly peer: number | undefined;
  /** What we were measured at. */
  readonly own: Spread;
  /** Of the pairs, each by itself. */
  readonly ratio: Spread | undefined;
  readonly met: boolean | undefined;
}

/** The middle one of several values, and the outermost. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Measures ours and the peer pair by pair, so that whatever else the machine does slows both. */
export async function measureRow(row: Row, measuring: Measuring): Promise<Result> {
  const ours: number[] = [];
  const peer: number[] = [];
  await row.open?.(measuring);
  try {
    for (let pair = 0; pair < (measuring.quick ? 1 : row.pairs); pair += 1) {
      ours.push(await row.measure('ours', measuring));
      if (row.peer) peer.push(await row.measure('peer', measuring));
    }
  } finally {
    await row.close?.();
  }
  const ratio = row.peer ? spread(ours.map((value, at) => value / (peer[at] ?? NaN))) : undefined;
  const judged = row.target?.of === 'ours' ? spread(ours) : ratio;
  return {
    row,
    peer: row.peer ? spread(peer).median : undefined,
    ratio,
    own: spread(ours),
    met: row.target && judged && keeps(judged.median, row.target),
  };
}

function keeps(value: number, { most = Infinity, least = -Infinity }: Target): boolean {
  return value <= most && value >= least;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const [min = NaN, median = NaN, max = NaN] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
  return { median, min, max };
}
