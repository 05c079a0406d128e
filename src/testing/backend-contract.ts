import { accepting } from './contract/accepting.js';
import { cancelling } from './contract/cancelling.js';
import { delivering } from './contract/delivering.js';
import { holding } from './contract/holding.js';
import { keeping } from './contract/keeping.js';
import { keys } from './contract/keys.js';
import { listing } from './contract/listing.js';
import { redriving } from './contract/redriving.js';
import { settling } from './contract/settling.js';
import type { MakeBackend } from './contract/stage.js';
import { type ContractRunner, type Facts, factsOf } from './contract/suite.js';
import { watching } from './contract/watching.js';

const SUBJECTS: Readonly<Record<string, (facts: Facts) => void>> = {
  accept: accepting,
  'idempotency keys': keys,
  deliver: delivering,
  settle: settling,
  cancel: cancelling,
  'held attempts': holding,
  redrive: redriving,
  'lists and counts': listing,
  'watchers and events': watching,
  'retention and retire': keeping,
};

/**
 * Registers the suite that says what every backend does, in terms of the port alone: no manager takes part. A backend
 * that passes it can stand behind a `TaskManager`. What only durable backends do (restart, lost leases) is not in it yet.
 *
 * ```ts
 * backendContract(({ clock }) => myBackend());                       // goes by the clock that `open` gives it
 * backendContract(async () => ({ backend, clock: realClock, dispose }));   // where time cannot be moved by hand
 * ```
 *
 * A backend gets its clock when it is opened, in its environment: it is the one that the factory was given, a
 * {@link ManualClock}, which the suite moves. Where a server keeps the time, answer with a clock of your own whose
 * `run(ms)` really waits; no test lets more than five seconds pass in all.
 *
 * @param makeBackend makes a new, empty backend for each test; the suite opens and closes it.
 * @param runner where the tests are registered: the global `describe` and `it` of the test runner unless given.
 * @throws {TypeError} when no runner is given and there are no such globals.
 */
export function backendContract(makeBackend: MakeBackend, runner: ContractRunner = globalRunner()): void {
  const facts = factsOf(makeBackend, runner);
  for (const [subject, register] of Object.entries(SUBJECTS)) runner.describe(subject, () => register(facts));
}

function globalRunner(): ContractRunner {
  const { describe, it } = globalThis as Partial<ContractRunner>;
  if (typeof describe === 'function' && typeof it === 'function') return { describe, it };
  throw new TypeError('backendContract needs a runner { describe, it }: there are no such globals here');
}
