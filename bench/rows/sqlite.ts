import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../child.js';
import type { Row } from '../row.js';
import { httpRow } from './http.js';

/** What `children/sqlite-accepts.ts`, `-runs.ts` and `-jobs.ts` print. */
interface Rate {
  readonly perSecond: number;
}

/** What is measured in groups of 100, each in one turn of the event loop. */
type RateRow = Pick<Row, 'name' | 'title'> & Partial<Pick<Row, 'target'>>;

/** Fresh processes and files, ours and the peer in turn; as many groups went the same way before. */
function rateRow(row: RateRow, child: string): Row {
  return {
    ...row,
    unit: 'runs/s',
    pairs: 7,
    peer: true,
    measure: async (side, { quick }) => (await runChild<Rate>(child, side, quick ? 50 : 300)).perSecond,
  };
}

/**
 * Starts that are on the disk, fsync included: 30,000 in groups of 100, of a task that is validated by zod, while
 * nothing runs; against the same driver with the statements that Errand gives it, and one transaction for each group.
 */
const accepts = rateRow(
  { name: 'sqlite-accept', title: 'accepts on SQLite vs libsql alone', target: { of: 'ratio', least: 0.55 } },
  'sqlite-accepts',
);

/**
 * The same, and each run claimed and completed, 100 at a time; a claim shares its commit with the end of the run before
 * it, on both sides.
 */
const wholeRuns = rateRow(
  { name: 'sqlite-run', title: 'whole runs on SQLite vs libsql alone', target: { of: 'ratio', least: 0.55 } },
  'sqlite-runs',
);

/**
 * Whole runs with both at what plainjob sets, `synchronous = NORMAL` (`durability: 'process'`). It claims and ends one
 * job at a time, each in a transaction of its own, on the driver that we use.
 */
const jobs = rateRow({ name: 'sqlite-plainjob', title: "whole runs vs plainjob, durability 'process'" }, 'sqlite-jobs');

/** 20 callers or 200, each starts 200 runs, one when the last is on the disk; what they start also runs. */
function latency(callers: number): Row {
  return {
    name: `sqlite-p99-${callers}`,
    title: `p99 of a durable start, ${callers} callers`,
    unit: 'ms',
    pairs: 5,
    peer: false,
    measure: async (_side, { quick }) => {
      const { p99 } = await runChild<{ p99: number }>('sqlite-latency', callers, quick ? 20 : 200);
      return p99;
    },
  };
}

type Look = 'list' | 'get' | 'claim';
const FINISHED = { ours: 1_000_000, peer: 1_000 } as const;

/** How long one look takes in a file of 10⁶ ended runs, divided by the same in one of 10³. */
function fullFile(look: Look, title: string, times: number): Row {
  let folder = '';
  const file = (side: keyof typeof FINISHED): string => join(folder, `${side}.db`);
  return {
    ...{ name: `sqlite-full-${look}`, title: `${title}, 1e6 vs 1e3 ended runs in the file`, unit: 'µs' },
    target: { of: 'ratio', most: 2 },
    pairs: 5,
    peer: true,
    open: async () => {
      folder = await mkdtemp(join(tmpdir(), 'errand-bench-'));
      for (const side of ['ours', 'peer'] as const) await runChild('sqlite-fill', file(side), FINISHED[side]);
    },
    close: () => rm(folder, { recursive: true }),
    measure: async (side, { quick }) => {
      const args = [file(side), FINISHED[side], look, quick ? times / 10 : times] as const;
      return (await runChild<{ microseconds: number }>('sqlite-look', ...args)).microseconds;
    },
  };
}

export const sqliteRows: readonly Row[] = [
  accepts,
  wholeRuns,
  httpRow(
    {
      ...{ name: 'sqlite-http', title: 'POST /process on SQLite vs on memory', unit: 'req/s' },
      target: { of: 'ratio', least: 0.8 },
    },
    'start',
    'perSecond',
    { ours: ['http-ours', 'sqlite'], peer: ['http-ours'] },
  ),
  latency(20),
  latency(200),
  jobs,
  fullFile('list', 'a page of 50', 2_000),
  fullFile('get', 'a look at an ended run', 5_000),
  fullFile('claim', '100 whole runs', 100),
];
