import type { Outcome } from '../../../ports/backend.js';
import { endedRun, interruptedAttempts, retriedAttempts } from '../runs/attempt-ends.js';
import { readEnded } from '../book/ended-text.js';
import { addressOf } from './delivery.js';
import type { DeliveringParts } from './delivering-parts.js';
import type { FleetLease } from './fleet-lease.js';
import type { AttemptsState, FleetRun } from '../runs/fleet-run.js';
import { failedEnd } from './run-ends.js';
import { attemptsText } from '../runs/run-texts.js';
import { STEP, versionOf } from '../runs/run-version.js';
import { refuseImpossible } from './settling.js';

/** What {@link Holding} works with. */
export interface HoldingParts extends DeliveringParts {
  /** How long a lease lasts that is not renewed, in ms. */
  readonly lockMs: number;
}

/**
 * Attempts that are over while their handlers are still at work. Their jobs stay active and locked, so that nobody begins
 * the next attempt; the book says what has become of them.
 */
export class Holding {
  readonly #parts: HoldingParts;

  constructor(parts: HoldingParts) {
    this.#parts = parts;
  }

  /** @returns false where its lease no longer counts. */
  async hold(lease: FleetLease, outcome: Outcome): Promise<boolean> {
    if (lease.phase !== 'at work') return false;
    refuseImpossible(lease, outcome);
    lease.phase = 'settling';
    const back = this.#parts.lending.settle(lease);
    if (back !== undefined) await back;
    const held = (await this.#isOurs(lease)) && (await this.#record(lease, outcome));
    if (held) lease.phase = 'held';
    else this.#parts.leases.lose(lease);
    return held;
  }

  /** The handler of a held attempt has settled. */
  async release(lease: FleetLease): Promise<void> {
    if (lease.phase !== 'held') return;
    lease.phase = 'settling';
    const { run, delivery } = lease;
    const [note] = await this.#parts.moves.answered('release a run', () =>
      this.#parts.server.book.notesOf([delivery.jobId]),
    );
    if (note && note.end !== null) {
      await this.#parts.ends.discard(delivery);
      const ended = readEnded(addressOf(delivery), note.end, { redrivenBy: note.redrivenBy, active: false });
      Object.assign(run.state, ended.state);
      this.#parts.leases.end(lease);
      this.#parts.teller.freed(run);
      return;
    }
    if (lease.heldAttempts !== null) await this.#waitAgain(lease, lease.heldAttempts);
    this.#parts.leases.end(lease);
  }

  async #waitAgain({ run, delivery }: FleetLease, held: AttemptsState): Promise<void> {
    const { lane, jobId, number, stalls } = delivery;
    const dueAt = held.dueAt ?? 0;
    const delayMs = Math.max(0, dueAt - this.#parts.environment.clock.now());
    const { done } = await this.#parts.moves.delay(delivery, { ...held, stallsBefore: stalls }, delayMs);
    if (!done) return;
    run.state.abandoned = false;
    const { book } = this.#parts.server;
    await this.#parts.moves.answered('release a run', () => book.retryAt(lane.name, jobId, number, dueAt));
  }

  async #isOurs({ delivery }: FleetLease): Promise<boolean> {
    const { lane, jobId, token } = delivery;
    const { jobs } = lane.queue;
    return (
      1 === (await this.#parts.moves.answered('renew a lease', () => jobs.extendLock(jobId, token, this.#parts.lockMs)))
    );
  }

  #record(lease: FleetLease, outcome: Outcome): Promise<boolean> {
    const { run, delivery } = lease;
    if (run.state.cancel !== null) return this.#endHeld(lease, this.#parts.ends.cancelledHeld(delivery, run));
    const at = this.#parts.environment.clock.now();
    if (outcome.type === 'failed') return this.#endHeld(lease, failedEnd(delivery, run, outcome, at).ended);
    if (outcome.type === 'retry') return this.#holdRetry(lease, outcome, at);
    if (outcome.type === 'interrupted') return this.#holdInterrupted(lease, at);
    const result = outcome.type === 'completed' ? outcome.value : undefined;
    return this.#endHeld(lease, endedRun(run, delivery, { status: 'completed', result, updatedAt: at }));
  }

  #endHeld({ run }: FleetLease, ended: FleetRun): Promise<boolean> {
    return this.#parts.ends.endHeld(run, ended);
  }

  async #holdRetry(lease: FleetLease, outcome: Outcome & { type: 'retry' }, at: number): Promise<boolean> {
    const { run, delivery } = lease;
    const attempts = retriedAttempts(run, delivery, outcome, at);
    const dueAt = at + outcome.delayMs;
    if (!(await this.#keep(lease, attempts, dueAt))) return false;
    const { error, cause } = outcome;
    const { failures, delays } = attempts;
    const version = versionOf(run.origin.versionBase, delivery.number, STEP.retrying);
    const waits = { status: 'retrying', abandoned: true } as const;
    Object.assign(run.state, { ...waits, version, updatedAt: at, dueAt, error, cause, failures, delays });
    this.#parts.teller.tell(run, { type: 'run:retrying', error, dueAt, abandoned: true });
    return true;
  }

  /** Its handler dies with this process: then the run is queued, and that was no crash. */
  async #holdInterrupted(lease: FleetLease, at: number): Promise<boolean> {
    const { run, delivery } = lease;
    if (!(await this.#keep(lease, interruptedAttempts(run, delivery, at), at))) return false;
    const version = versionOf(run.origin.versionBase, delivery.number, STEP.queued);
    Object.assign(run.state, { status: 'queued', abandoned: true, version, updatedAt: at });
    this.#parts.teller.tell(run, { type: 'run:queued' });
    return true;
  }

  /** Where its process dies meanwhile, that is no crash of the run's: nothing of it counts any more. */
  async #keep(lease: FleetLease, attempts: AttemptsState, dueAt: number): Promise<boolean> {
    const { lane, jobId, number, stalls } = lease.delivery;
    lease.heldAttempts = { ...attempts, stallsBefore: stalls + 1 };
    const held = { text: attemptsText(lease.heldAttempts), dueAt };
    return this.#parts.moves.answered('hold a run', () => this.#parts.server.book.hold(lane.name, jobId, number, held));
  }
}
