import type { Holder, Lease } from '../../../ports/backend.js';
import { isFinal } from '../../../task/status.js';
import type { KeptCancel } from '../book/book.js';
import type { Delivery } from './delivery.js';
import type { AttemptsState, FleetRun } from '../runs/fleet-run.js';
import type { FleetTeller } from './run-ends.js';
import { STEP, versionOf } from '../runs/run-version.js';

/** The claim on a run that goes with one delivery of its job. */
export class FleetLease implements Lease {
  readonly run: FleetRun;
  readonly delivery: Delivery;
  holder: Holder | undefined;
  /** Until when nobody else can have the run, by this process's monotonic clock. */
  lastsUntil = Infinity;
  /** `held`: the attempt is over, its handler still at work. `over`: what its handler tells concerns nobody any more. */
  phase: 'at work' | 'settling' | 'held' | 'over' = 'at work';
  /** What the job is to say when it waits again after its handler has settled; null where it does not wait again. */
  heldAttempts: AttemptsState | null = null;
  /** Its slot in the whole fleet: `Lending`'s to change. */
  slot: 'its own' | 'lent' | 'wanted back' = 'its own';
  /** Settles when the server has heard, or cannot be told, what was said of the slot last; never rejects. */
  lending: Promise<void> | undefined;
  /** Steps of the run may be kept. */
  hasSteps: boolean;

  readonly #teller: Pick<FleetTeller, 'tell'>;

  constructor(run: FleetRun, delivery: Delivery, teller: Pick<FleetTeller, 'tell'>, hasSteps = false) {
    this.run = run;
    this.delivery = delivery;
    this.hasSteps = hasSteps;
    this.#teller = teller;
  }

  /** Whether what its handler tells still concerns anybody. */
  get isCurrent(): boolean {
    return this.phase === 'at work' && !isFinal(this.run.state.status);
  }

  /** A cancel was asked for, by anybody of the fleet: the holder is told once. */
  cancelled(cancel: KeptCancel): void {
    const { state, origin } = this.run;
    if (this.phase !== 'at work' || state.cancel !== null) return;
    state.cancel = cancel;
    state.status = 'cancelling';
    state.version = versionOf(origin.versionBase, this.delivery.number, STEP.cancelling);
    state.updatedAt = cancel.at;
    // Whoever cancels tells it, too, and may be too late: the run may have ended by then.
    this.#teller.tell(this.run, { type: 'run:cancelling', reason: cancel.reason, by: cancel.by });
    this.holder?.cancel({ by: cancel.by, reason: cancel.reason });
  }
}
