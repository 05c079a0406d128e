import { runChild } from '../child.js';
import type { Row } from '../row.js';

/** What `children/thread-calls.ts` prints. */
interface Calls {
  readonly perSecond: number;
}

/**
 * From the end of the grace to the end of a run whose handler is in `for (;;)` in a thread, 100 times one after the
 * other: the 99th of 100. The thread has ended then, and a new one takes the next run.
 */
const cancel: Row = {
  name: 'thread-cancel',
  title: 'cancel of a for (;;) thread, after the grace, p99',
  unit: 'ms',
  target: { of: 'ours', most: 250 },
  pairs: 1,
  peer: false,
  measure: async (_side, { quick }) =>
    (await runChild<{ milliseconds: number }>('thread-cancel', quick ? 10 : 100)).milliseconds,
};

/** How many runs, in how many threads, and for how long each computes. */
interface Load {
  readonly name: string;
  readonly title: string;
  readonly places: number;
  readonly inFlight: number;
  readonly busyMs: number;
  /** What is left of the peer's runs per second. */
  readonly least?: number;
}

/**
 * Runs of a task in threads, from `start` to `result()`, so many on their way at any time; against piscina with its
 * defaults, called with the same handler. A fresh process each, warmed up by half as many calls. With handlers that do
 * nothing, a run is compared to a bare message: what a run is beside it (its record, events, limits, signal) counts in full.
 */
function calls({ name, title, places, inFlight, busyMs, least }: Load): Row {
  return {
    name,
    title: `${title} vs piscina`,
    unit: 'runs/s',
    ...(least !== undefined && { target: { of: 'ratio', least } }),
    pairs: 5,
    peer: true,
    measure: async (side, { quick }) => {
      const count = (quick ? 2_000 : 20_000) / (busyMs > 0 ? 4 : 1);
      const way = side === 'ours' ? 'thread' : 'piscina';
      return (await runChild<Calls>('thread-calls', way, places, inFlight, count, busyMs)).perSecond;
    },
  };
}

/** Each handler in a child process: what memory of its own costs. */
const inProcess: Row = {
  name: 'process-call-1',
  title: 'empty runs in a process, 1 in flight',
  unit: 'runs/s',
  pairs: 3,
  peer: false,
  measure: async (_side, { quick }) =>
    (await runChild<Calls>('thread-calls', 'process', 1, 1, quick ? 2_000 : 20_000, 0)).perSecond,
};

export const threadRows: readonly Row[] = [
  cancel,
  calls({
    name: 'thread-call-1',
    title: 'empty runs in a thread, 1 in flight',
    places: 1,
    inFlight: 1,
    busyMs: 0,
    least: 0.8,
  }),
  calls({
    name: 'thread-call-2',
    title: 'empty runs in 2 threads, 2 in flight',
    places: 2,
    inFlight: 2,
    busyMs: 0,
    least: 0.8,
  }),
  calls({ name: 'thread-call-16', title: 'empty runs in 2 threads, 16 in flight', places: 2, inFlight: 16, busyMs: 0 }),
  calls({
    name: 'thread-work-2',
    title: 'runs of 1 ms in a thread, 2 in flight',
    places: 1,
    inFlight: 2,
    busyMs: 1,
    least: 0.8,
  }),
  inProcess,
];
