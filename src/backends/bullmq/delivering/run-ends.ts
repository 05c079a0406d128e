import type { BackendEnvironment } from '../../../ports/backend.js';
import { keyNameOf } from '../../live/key-name.js';
import { endedRun, type Failure, failedAttempts } from '../runs/attempt-ends.js';
import type { KeptCancel } from '../book/book.js';
import type { Delivery } from './delivery.js';
import { bookedEnd } from '../book/booked-end.js';
import type { FleetRun } from '../runs/fleet-run.js';
import type { FleetServer } from '../server/fleet-server.js';
import { type Teller, tellEnd } from '../runs/tell-end.js';
import type { JobMoves } from './job-moves.js';

/** What is told of runs, to this process and to the others. */
export interface FleetTeller extends Teller {
  /** It had ended with its handler at work, which has settled now. */
  freed(run: FleetRun): void;
}

/** What {@link RunEnds} works with. */
export interface EndParts {
  readonly server: FleetServer;
  readonly environment: BackendEnvironment;
  readonly moves: JobMoves;
  readonly teller: FleetTeller;
}

/** A value as its handler gave it, and its text. */
export interface KeptValue {
  readonly value: unknown;
  readonly text: string | null;
}

/** Ends runs whose job this process has locked: keeps the end first, and tells of it then. */
export class RunEnds {
  readonly #server: FleetServer;
  readonly #environment: BackendEnvironment;
  readonly #moves: JobMoves;
  readonly #teller: FleetTeller;

  constructor({ server, environment, moves, teller }: EndParts) {
    this.#server = server;
    this.#environment = environment;
    this.#moves = moves;
    this.#teller = teller;
  }

  /** Ends a run that was just delivered and is not begun. */
  async failWaiting(
    delivery: Delivery,
    run: FleetRun,
    { failure, hasSteps }: { readonly failure: Failure; readonly hasSteps: boolean },
  ): Promise<void> {
    const at = this.#environment.clock.now();
    const { attempts, ended } = failedEnd(delivery, run, failure, at);
    const { done } = await this.#moves.fail(delivery, attempts, false);
    if (done) await this.ended(run, ended, hasSteps);
  }

  /** Ends a run that was to be cancelled, with the value that it keeps; without one, with that of its checkpoint. */
  async cancel(delivery: Delivery, run: FleetRun, kept: KeptValue | undefined): Promise<boolean> {
    const ended = this.#cancelledEnd(delivery, run, kept);
    const { startedAt } = run.state;
    const at = ended.state.updatedAt;
    const result = { valueText: kept?.text ?? null, cancelled: true, abandoned: false, startedAt, at };
    // First the job: whoever has lost its lock ends nothing.
    const { done } = await this.#moves.complete(delivery, result, false);
    if (!done) return false;
    // Whoever keeps house may have done it meanwhile.
    await this.book(ended);
    await this.#finish(delivery, run, ended);
    return true;
  }

  /**
   * A run was to be cancelled, and its attempt has ended the job before that was heard.
   *
   * @returns false where whoever cancelled it has seen that first, and takes the cancel for one that came too late.
   */
  async cancelAfterAll(
    delivery: Delivery,
    run: FleetRun,
    { cancel, kept }: { readonly cancel: KeptCancel; readonly kept: KeptValue | undefined },
  ): Promise<boolean> {
    const ended = this.#cancelledEnd(delivery, run, kept);
    ended.state.cancel = cancel;
    if (!(await this.book(ended, true))) return false;
    await this.#finish(delivery, run, ended);
    return true;
  }

  /** Ends a run whose handler is still at work. @returns false where it has ended otherwise. */
  async endHeld(run: FleetRun, ended: FleetRun): Promise<boolean> {
    ended.state.abandoned = true;
    ended.state.active = true;
    const kept = await this.book(ended);
    if (kept) this.announce(run, ended);
    return kept;
  }

  /** The end that a run has which is cancelled while its handler is still at work. */
  cancelledHeld(delivery: Delivery, run: FleetRun): FleetRun {
    return this.#cancelledEnd(delivery, run, undefined);
  }

  /** The book says how the run has ended: its job goes. */
  async discard(delivery: Delivery): Promise<void> {
    const { done } = await this.#moves.discard(delivery);
    if (done) await this.#letGo(delivery);
  }

  /** Writes an end into the book. @returns false where there is one already. */
  book(ended: FleetRun, onlyIfCancelled = false): Promise<boolean> {
    const end = bookedEnd(ended, onlyIfCancelled);
    return this.#moves.answered('keep how a run has ended', () => this.#server.book.end(end));
  }

  /** BullMQ's job says how the run has ended. @param hasSteps steps of it may be kept. */
  async ended(run: FleetRun, ended: FleetRun, hasSteps: boolean): Promise<void> {
    const { id, jobId, owner, idempotencyKey } = run.origin;
    // Where that fails they go with the record.
    if (hasSteps) this.#server.book.dropSteps(jobId).catch(() => undefined);
    if (idempotencyKey !== null) {
      const name = keyNameOf(owner, idempotencyKey);
      const at = ended.state.updatedAt;
      await this.#moves.answered('let a key go', () => this.#server.book.keyEnded(name, id, at));
    }
    this.announce(run, ended);
  }

  /** The end is kept: the run shows it from now on, and everybody is told. */
  announce(run: FleetRun, { state }: FleetRun): void {
    Object.assign(run.state, state);
    tellEnd(run, { teller: this.#teller, observer: this.#environment.observer });
    if (run.origin.expiresAt !== null) this.#server.book.unexpire([run.origin.jobId]).catch(() => undefined);
  }

  #cancelledEnd(delivery: Delivery, run: FleetRun, kept: KeptValue | undefined): FleetRun {
    const result = kept?.value ?? run.state.checkpoint?.soFar;
    return endedRun(run, delivery, { status: 'cancelled', result, updatedAt: this.#environment.clock.now() });
  }

  async #finish(delivery: Delivery, run: FleetRun, ended: FleetRun): Promise<void> {
    const { lane, jobId } = delivery;
    this.announce(run, ended);
    await this.#moves.answered('remove a job', () => lane.queue.jobs.remove(jobId, false));
    await this.#letGo(delivery);
  }

  #letGo({ lane, jobId }: Delivery): Promise<void> {
    return this.#moves.answered('let a run go', () => this.#server.book.letGo(lane.name, jobId));
  }
}

/** What a failure leaves for the job, and the run that has ended so. */
export function failedEnd(
  delivery: Delivery,
  run: FleetRun,
  failure: Failure,
  at: number,
): { attempts: ReturnType<typeof failedAttempts>; ended: FleetRun } {
  const attempts = failedAttempts(run, delivery, failure, at);
  const { error, cause } = failure;
  const { failures } = attempts;
  return { attempts, ended: endedRun(run, delivery, { status: 'failed', error, cause, failures, updatedAt: at }) };
}
