import assert from 'node:assert/strict';
import {
  backendContract,
  type ContractParts,
  type ContractRunner,
  type Lease,
  type MakeBackend,
} from '../../src/testing/index.js';
import { newRun } from '../../src/testing/contract/samples.js';
import { KIN_FAULTS, KIN_LOSSES, KIN_RESTARTS } from './broken-children-and-steps.js';
import {
  accepting,
  type Fault,
  type FaultRow,
  holding,
  losingSubject,
  type MakeRow,
  onceOpen,
  openedWith,
  reopenedWith,
  withFault,
} from './faults.js';

/** Runs the suite, or one fact of it, against a backend, and gives the names of the facts that do not hold. */
export async function broken(make: MakeBackend, only?: string, parts?: ContractParts): Promise<string[]> {
  const facts: { readonly name: string; readonly body: () => Promise<void> }[] = [];
  let subject = '';
  const runner: ContractRunner = {
    describe: (name, body) => {
      subject = name;
      body();
    },
    it: (name, body) => facts.push({ name: `${subject} › ${name}`, body }),
  };
  backendContract(make, runner, parts);
  const chosen = facts.filter(({ name }) => only === undefined || name === only);
  assert.notEqual(chosen.length, 0, `there is no fact ${only ?? ''}`);
  const failed: string[] = [];
  for (const { name, body } of chosen) await body().catch(() => failed.push(name));
  return failed;
}

/** A backend that takes a stale result for one of the attempt that is at work now. */
const recordsStaleResults: Fault = (real) => {
  const latest = new Map<string, Lease>();
  return {
    work: ({ freeSlots, take }) =>
      real.work({ freeSlots, take: (run, lease) => (latest.set(run.id, lease), take(run, lease)) }),
    settle: async (lease, outcome, held) =>
      (await real.settle(lease, outcome, held)) || real.settle(latest.get(lease.run.id) ?? lease, outcome, held),
  };
};

/** A backend that breaks a promise, and the fact of the suite that says so. */
export interface BrokenBackend {
  readonly what: string;
  readonly fact: string;
  readonly make: MakeBackend;
  readonly parts?: ContractParts;
}

const FAULTS: readonly FaultRow[] = [
  ...KIN_FAULTS,
  [
    'gives an active id away',
    'accept › an active id is refused: the first run stays what it was',
    (real) => ({ accept: (run) => real.accept(run, 'return') }),
  ],
  [
    'has no limit of what waits',
    'accept › no more runs wait than the limit says, and one that runs does not count',
    (real) => ({ open: (environment) => real.open({ ...environment, queueLimit: Infinity }) }),
  ],
  [
    'forgets keys',
    'idempotency keys › the same key and fingerprint give the first run, also after it has ended',
    accepting(() => ({ idempotency: null })),
  ],
  [
    'keeps no checkpoints',
    'checkpoints › a run has none until one is kept, and then the last one',
    () => ({ checkpoint: () => true }),
  ],
  [
    'says of checkpoints of stale leases that they are kept',
    'checkpoints › a stale lease keeps none',
    (real) => ({ checkpoint: async (lease, checkpoint) => (await real.checkpoint(lease, checkpoint), true) }),
  ],
  [
    'knows no runs of a kind that have ended',
    'checkpoints › the runs of a kind are all that are kept, ended ones too',
    (real) => ({
      runsOf: async (kind) => (await real.runsOf(kind)).filter(({ status }) => status !== 'completed'),
    }),
  ],
  [
    'takes priorities the other way round',
    'deliver › higher priorities go first, and within one the first accepted',
    accepting(({ priority }) => ({ priority: -priority })),
  ],
  [
    'lets those wait longer that are due sooner',
    'deliver in due order › what was due first goes first, also where it was accepted later',
    accepting(({ delayMs }) => ({ delayMs: 400 - delayMs })),
  ],
  [
    'begins scheduled runs at once',
    'deliver › a delayed run is scheduled until it is due',
    accepting(() => ({ delayMs: 0 })),
  ],
  [
    'delivers more than there are slots for',
    'deliver › no more runs are delivered than slots are free, and wake asks again',
    (real) => ({ work: ({ take }) => real.work({ take, freeSlots: () => 1 }) }),
  ],
  [
    'ignores pauses',
    'deliver › a paused queue begins nothing, others go on, and resume lets it go on',
    () => ({ pause: () => undefined }),
  ],
  [
    'never resumes',
    'deliver › a paused queue begins nothing, others go on, and resume lets it go on',
    () => ({ resume: () => undefined }),
  ],
  [
    'says of stale results that they count',
    'settle › a lease counts once: a second outcome is not recorded',
    (real) => ({ settle: async (...args) => (await real.settle(...args)) || true }),
  ],
  ['records stale results', 'settle › the lease of an earlier attempt is stale', recordsStaleResults],
  [
    'tries again at once',
    'settle › a run that is retried waits as retrying, then goes through queued with the next attempt',
    (real) => ({
      settle: (lease, outcome, held) =>
        real.settle(lease, outcome.type === 'retry' ? { ...outcome, delayMs: 0 } : outcome, held),
    }),
  ],
  [
    'forgets to cancel',
    'cancel › a queued run is cancelled at once and never delivered',
    (real) => ({ cancel: (id) => real.find(id) }),
  ],
  ...(['scheduled', 'retrying'] as const).map((status): [string, string, Fault] => [
    `forgets to cancel what is ${status}`,
    status === 'scheduled'
      ? 'cancel › a scheduled run is cancelled at once and never delivered'
      : 'cancel › a run that waits for its next attempt is cancelled at once and not delivered again',
    (real) => ({
      cancel: async (id, request) => {
        const run = await real.find(id);
        return run?.status === status ? run : real.cancel(id, request);
      },
    }),
  ]),
  [
    'tells no holder of a cancel',
    'cancel › a running run is cancelling, and its holder is told once',
    holding({ cancel: () => undefined }),
  ],
  [
    'lets a cancelled run complete',
    'cancel › a cancelling run whose attempt ends as completed is cancelled',
    (real) => ({ cancel: (id) => real.find(id) }),
  ],
  [
    'frees the id while a handler is at work',
    'held attempts › a cancelled run whose handler is still at work is abandoned, and its id stays taken',
    (real) => ({ settle: (lease, outcome) => real.settle(lease, outcome, false) }),
  ],
  [
    'never frees it again',
    'held attempts › a cancelled run whose handler is still at work is abandoned, and its id stays taken',
    () => ({ release: () => undefined }),
  ],
  [
    'takes results of leases that were given back',
    'held attempts › a lease that was released counts no more',
    (real) => ({ settle: async (...args) => (await real.settle(...args)) || true }),
  ],
  [
    'redrives a run twice',
    'redrive › a run is redriven once',
    (real) => ({ redrive: (_failed, run) => real.accept(run, 'error') }),
  ],
  [
    'runs a due time again whose run has ended',
    'schedules › a due run whose id has ended as completed is not run again, and its schedule has moved on',
    (real) => ({
      acceptDue: async (run, schedule, expectedVersion) =>
        (await real.saveSchedule(schedule, expectedVersion)) ? real.accept(run, 'return') : undefined,
    }),
  ],
  [
    'begins each page anew',
    'lists and counts › pages follow one another without gaps or repeats, also when runs come and go meanwhile',
    (real) => ({ list: (filter) => real.list({ ...filter, cursor: undefined }) }),
  ],
  [
    'counts nothing',
    'lists and counts › counts say how many runs of each task have each status',
    () => ({ counts: () => [] }),
  ],
  [
    'tells nobody of the end',
    'watchers and events › everybody who watches is told once, with the run as it ended',
    () => ({ watch: () => undefined }),
  ],
  [
    'tells of nothing that happens',
    'watchers and events › events follow the table of transitions, their seq grows, and none follows the final one',
    () => ({ subscribe: () => () => undefined }),
  ],
  [
    'keeps everything for ever',
    'retention and retire › ended runs go when they are too old, failed ones by a time of their own',
    (real) => ({
      open: (environment) =>
        real.open({ ...environment, retention: { ...environment.retention, keepResultMs: 1e9, keepFailedMs: 1e9 } }),
    }),
  ],
];

const RESTARTS: readonly MakeRow[] = [
  ...KIN_RESTARTS,
  [
    'loses what waits when it is opened again',
    'what was queued is delivered in the same order, as it was asked for',
    reopenedWith(onceOpen((real) => real.cancel('first', { by: 'fault', reason: null }))),
  ],
  [
    'forgets checkpoints with the process',
    'a checkpoint that was kept is there, and crashes are counted anew from it',
    openedWith(() => ({ checkpoint: () => true })),
  ],
  [
    'takes priorities the other way round',
    'what was queued is delivered in the same order, as it was asked for',
    openedWith(accepting(({ priority }) => ({ priority: -priority }))),
  ],
  [
    'lets a paused queue go on when it is opened again',
    'a paused queue stays paused until it is resumed',
    reopenedWith(onceOpen((real) => real.resume('slow'))),
  ],
  [
    'runs again what has ended',
    'what has ended stays as it was, and is not delivered again',
    reopenedWith(onceOpen((real) => real.accept(newRun('done'), 'error'))),
  ],
  [
    'forgets keys when it is opened again',
    'a key gives the same run, and is refused for anything else',
    reopenedWith(accepting(() => ({ idempotency: null }))),
  ],
  [
    'counts no crash',
    'a run at which more processes died than it may take fails with CRASHED',
    openedWith(accepting(() => ({ maxCrashes: 1_000 }))),
  ],
  [
    'tries again what may begin only once',
    "a run that was at work fails with RUN_INTERRUPTED under onCrash: 'fail'",
    openedWith(accepting(() => ({ onCrash: 'retry' }))),
  ],
  [
    'loses a run that was at work',
    'a run that was at work is tried again, and neither its attempt nor its key for effects changes',
    reopenedWith(onceOpen((real) => real.cancel('a', { by: 'fault', reason: null }))),
  ],
  [
    'does not keep that a run is to be cancelled',
    'a run that was to be cancelled is cancelled, and not delivered again',
    openedWith((real) => ({ cancel: (id) => real.find(id) })),
  ],
  [
    'takes a close for a crash',
    'what a close has interrupted is tried again: no attempt was used, and it was no crash',
    openedWith((real) => ({ settle: (...args) => args[1].type === 'interrupted' || real.settle(...args) })),
  ],
];

const LOSSES: readonly MakeRow[] = [
  ...KIN_LOSSES,
  [
    'does not tell the holder',
    'the holder is told once, and the run is delivered again with the same attempt',
    () => losingSubject({ tells: false }),
  ],
  [
    'records what the old holder says',
    'what the old holder says is dropped, and what the new one says counts',
    () => losingSubject({ fault: recordsStaleResults }),
  ],
];

/** One for each thing that can go wrong, in memory, over a restart, and with leases that are lost. */
export const BROKEN: readonly BrokenBackend[] = [
  ...FAULTS.map(([what, fact, fault]) => ({ what, fact, make: () => withFault(fault) })),
  ...RESTARTS.map(([what, fact, make]) => ({
    what: `is durable and ${what}`,
    fact: `restart › ${fact}`,
    make,
    parts: { restart: true },
  })),
  ...LOSSES.map(([what, fact, make]) => ({
    what: `loses leases and ${what}`,
    fact: `lost leases › ${fact}`,
    make,
    parts: { lostLeases: true },
  })),
];
