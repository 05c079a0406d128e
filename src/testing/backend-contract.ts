import { accepting } from './contract/accepting.js';
import { cancelling } from './contract/cancelling.js';
import { checkpoints } from './contract/checkpoints.js';
import { children, childrenAfterRestart } from './contract/children.js';
import { delivering, deliveringInDueOrder } from './contract/delivering.js';
import { holding } from './contract/holding.js';
import { keeping } from './contract/keeping.js';
import { keys } from './contract/keys.js';
import { listing } from './contract/listing.js';
import { losing } from './contract/losing.js';
import { redriving } from './contract/redriving.js';
import { restarting } from './contract/restarting.js';
import { scheduling } from './contract/scheduling.js';
import { settling } from './contract/settling.js';
import type { MakeBackend } from './contract/stage.js';
import { steps, stepsAfterLoss, stepsAfterRestart } from './contract/steps.js';
import { type ContractRunner, type Facts, factsOf } from './contract/suite.js';
import { watching } from './contract/watching.js';

const SUBJECTS: Readonly<Record<string, (facts: Facts) => void>> = {
  accept: accepting,
  'idempotency keys': keys,
  deliver: delivering,
  settle: settling,
  checkpoints,
  steps,
  children,
  cancel: cancelling,
  'held attempts': holding,
  redrive: redriving,
  schedules: scheduling,
  'lists and counts': listing,
  'watchers and events': watching,
  'retention and retire': keeping,
};

const RESTART = [restarting, childrenAfterRestart, stepsAfterRestart];
const LOST_LEASES = [losing, stepsAfterLoss];

/** Parts of the suite that not every backend has to pass. */
export interface ContractParts {
  /** What becomes of runs when their process dies: for durable backends. Needs `reopen` of the factory's answer. */
  readonly restart?: boolean;
  /** What becomes of attempts whose lease is lost: where processes share runs. Needs `lose` of the factory's answer. */
  readonly lostLeases?: boolean;
  /**
   * Runs of one priority that wait for a slot go in the order in which they became due. Registered unless false: a backend
   * may keep to the order of acceptance.
   */
  readonly dueOrder?: boolean;
}

/**
 * Registers the suite that says what every backend does, in terms of the port alone: no manager takes part. A backend
 * that passes it can stand behind a `TaskManager`. Durable ones should pass the part `restart`, too.
 *
 * ```ts
 * backendContract(({ clock }) => myBackend());                       // goes by the clock that `open` gives it
 * backendContract(async () => ({ backend, clock: realClock, dispose }));   // where time cannot be moved by hand
 * backendContract(async () => ({ backend, reopen, dispose }), undefined, { restart: true });
 * ```
 *
 * A backend gets its clock when it is opened, in its environment: it is the one that the factory was given, a
 * {@link ManualClock}, which the suite moves. Where a server keeps the time, answer with a clock of your own whose
 * `run(ms)` really waits; no test lets more than five seconds pass in all.
 *
 * @param makeBackend makes a new, empty backend for each test; the suite opens and closes it.
 * @param runner where the tests are registered: the global `describe` and `it` of the test runner unless given.
 * @param parts which of the parts that not every backend has are registered: only `dueOrder` unless given.
 * @throws {TypeError} when no runner is given and there are no such globals.
 */
export function backendContract(
  makeBackend: MakeBackend,
  runner: ContractRunner = globalRunner(),
  { restart = false, lostLeases = false, dueOrder = true }: ContractParts = {},
): void {
  const facts = factsOf(makeBackend, runner);
  const subjects = {
    ...SUBJECTS,
    ...(dueOrder && { 'deliver in due order': deliveringInDueOrder }),
    ...(restart && { restart: allOf(RESTART) }),
    ...(lostLeases && { 'lost leases': allOf(LOST_LEASES) }),
  };
  for (const [subject, register] of Object.entries(subjects)) runner.describe(subject, () => register(facts));
}

function allOf(subjects: readonly ((facts: Facts) => void)[]): (facts: Facts) => void {
  return (facts) => {
    for (const register of subjects) register(facts);
  };
}

function globalRunner(): ContractRunner {
  const { describe, it } = globalThis as Partial<ContractRunner>;
  if (typeof describe === 'function' && typeof it === 'function') return { describe, it };
  throw new TypeError('backendContract needs a runner { describe, it }: there are no such globals here');
}
