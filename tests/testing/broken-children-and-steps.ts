import type { StoredRun } from '../../src/testing/index.js';
import { isFinal } from '../../src/task/status.js';
import {
  accepting,
  type Fault,
  type FaultRow,
  losingSubject,
  type MakeRow,
  openedWith,
  reopenedWith,
} from './faults.js';

/** A backend that mixes up the steps of its runs. */
const keepsStepsByKeyAlone: Fault = () => {
  const steps = new Map<string, string>();
  return {
    stepsOf: () => steps,
    keepStep: (_lease, key, text) => {
      if (!steps.has(key)) steps.set(key, text);
      return steps.get(key);
    },
  };
};

/** A backend that does not ask which run of an id a parent is, and whether a child is still there. */
const knowsChildrenById: Fault = (real) => {
  const accepted: StoredRun[] = [];
  return {
    accept: async (run, ifActive) => {
      const answer = await real.accept(run, ifActive);
      accepted.push(answer.run);
      return answer;
    },
    childrenOf: ({ id }) => accepted.filter(({ parent }) => parent?.id === id),
  };
};

/** What can go wrong with the children and the steps of runs. */
export const KIN_FAULTS: readonly FaultRow[] = [
  [
    'keeps no steps',
    'steps › they are there in the next attempt',
    (real) => ({
      keepStep: async (lease, key, text) =>
        (await real.stepsOf(lease)).has(key) ? real.keepStep(lease, key, text) : text,
    }),
  ],
  [
    'takes a later text of a step',
    'steps › the first text of a key stays, also where two come at once',
    (real) => ({ keepStep: async (lease, key, text) => (await real.keepStep(lease, key, text)) && text }),
  ],
  [
    'says of steps of stale leases that they are kept',
    'steps › a lease that is no longer valid keeps none, and has none',
    (real) => ({ keepStep: async (...args) => (await real.keepStep(...args)) ?? args[2] }),
  ],
  [
    'gives steps to whoever asks',
    'steps › a handler whose attempt was ended without it keeps none',
    () => ({ stepsOf: () => new Map([['one', '1']]) }),
  ],
  ['keeps steps by their keys alone', 'steps › each run has its own', keepsStepsByKeyAlone],
  [
    'keeps steps for later runs',
    'steps › a later run of the same id has none, however the run before has ended',
    keepsStepsByKeyAlone,
  ],
  [
    'knows no children',
    'children › they are found through their parent in the order of acceptance, ended ones too',
    () => ({ childrenOf: () => [] }),
  ],
  [
    'knows no parents',
    'children › a run says whose child it is, and a hard limit of its own; others are nobody’s',
    accepting(() => ({ parent: null })),
  ],
  [
    'forgets hard limits',
    'children › a run says whose child it is, and a hard limit of its own; others are nobody’s',
    accepting(() => ({ hardLimitMs: null })),
  ],
  [
    'takes ended children for unended ones',
    'children › unended ones are those that have no final status',
    (real) => ({ childrenOf: (parent) => real.childrenOf(parent, 'all') }),
  ],
  [
    'knows children by the id of their parent',
    'children › they are not those of an earlier run of the same id',
    knowsChildrenById,
  ],
  [
    'lists children whose records have gone',
    'children › a child whose id another run has taken is none any more',
    knowsChildrenById,
  ],
];

/** The same over a restart. */
export const KIN_RESTARTS: readonly MakeRow[] = [
  [
    'forgets steps with the process',
    'steps that were kept are there, and crashes are counted anew from each',
    openedWith(() => ({ keepStep: (_lease, _key, text) => text })),
  ],
  [
    'loses steps of runs that wait',
    'a run that waits for its next attempt has its steps then',
    reopenedWith(() => ({ stepsOf: () => new Map() })),
  ],
  [
    'forgets who is whose child',
    'children and parents find each other again',
    openedWith(accepting(() => ({ parent: null }))),
  ],
  [
    'knows no children of what has ended',
    'children whose parent has ended are found through it, too',
    reopenedWith((real) => ({
      childrenOf: (parent, which) => (isFinal(parent.status) ? [] : real.childrenOf(parent, which)),
    })),
  ],
];

/** The same where leases are lost. */
export const KIN_LOSSES: readonly MakeRow[] = [
  [
    'keeps steps of the old holder',
    'the new holder has the steps that were kept before, and the old one keeps none',
    () =>
      losingSubject({ fault: (real) => ({ keepStep: async (...args) => (await real.keepStep(...args)) ?? args[2] }) }),
  ],
];
