import type { Outcome } from '../../../ports/backend.js';
import type { Checkpoint } from '../../../ports/checkpoint.js';
import { checkDuration } from '../../../task/checks.js';
import type { Progress } from '../../../task/run.js';
import type { LogLine } from '../../../task/run-event.js';
import { checkpointText, keptOutcome } from '../../live/stored-values.js';
import { endedRun, expiredAt, type Failure, retriedAttempts } from '../runs/attempt-ends.js';
import type { KeptCancel } from '../book/book.js';
import type { EndedAndTaken, FleetLane, Taken } from './fleet-lane.js';
import type { DeliveringParts } from './delivering-parts.js';
import type { FleetLease } from './fleet-lease.js';
import type { Moved } from './job-moves.js';
import { failedEnd, type KeptValue } from './run-ends.js';
import { progressText, readCheckpoint } from '../runs/run-texts.js';
import { STEP, versionOf } from '../runs/run-version.js';

/** Who takes the next job of a lane together with the end of one. */
export interface NextJobs {
  /** Whether the next job of this lane is to come; asked when an attempt is settled, answered when its slot is free. */
  wanted(lane: FleetLane): Promise<boolean>;
  /** It came, or none did: called once after each `wanted` that was true. */
  came(lane: FleetLane, token: string, taken: Taken<Moved> | undefined): void;
}

/** What {@link Settling} works with. */
export interface SettlingParts extends DeliveringParts {
  readonly next: NextJobs;
}

/** Keeps what attempts report. */
export class Settling {
  readonly #parts: SettlingParts;

  constructor(parts: SettlingParts) {
    this.#parts = parts;
  }

  /** An attempt is over, and its handler has settled. @returns false where its lease no longer counts. */
  async settle(lease: FleetLease, outcome: Outcome): Promise<boolean> {
    if (lease.phase !== 'at work') return false;
    refuseImpossible(lease, outcome);
    lease.phase = 'settling';
    const back = this.#parts.lending.settle(lease);
    if (back !== undefined) await back;
    const done = await this.#record(lease, outcome);
    if (done) this.#parts.leases.end(lease);
    else this.#parts.leases.lose(lease);
    return done;
  }

  progress(lease: FleetLease, progress: Progress): void {
    if (!lease.isCurrent) return;
    const { run, delivery } = lease;
    const at = this.#parts.environment.clock.now();
    Object.assign(run.state, { progress, updatedAt: at, version: run.state.version + 1 });
    this.#parts.teller.tell(run, { type: 'run:progress', progress });
    const text = progressText({ delivery: delivery.number, progress, version: run.state.version, at });
    const { lane, jobId } = delivery;
    this.#parts.server.call('keep progress', () => lane.queue.jobs.updateProgress(jobId, text)).catch(() => undefined);
  }

  log(lease: FleetLease, line: LogLine): void {
    if (!lease.isCurrent) return;
    lease.run.state.version += 1;
    this.#parts.teller.tell(lease.run, { type: 'run:log', ...line });
  }

  /**
   * Asks until the server answers: an import must not fail because the server was restarted.
   *
   * @returns false where the lease no longer counts. @throws {TaskError} BACKEND when this process closes first.
   */
  async checkpoint(lease: FleetLease, checkpoint: Checkpoint): Promise<boolean> {
    if (!lease.isCurrent) return false;
    const text = checkpointText(checkpoint);
    if (text === null) return false;
    const { lane, jobId, number, stalls } = lease.delivery;
    const { book } = this.#parts.server;
    const kept = await this.#parts.moves.answered('keep a checkpoint', async () =>
      lease.isCurrent ? book.checkpoint(lane.name, jobId, number, { text, stalls }) : false,
    );
    if (kept) lease.run.state.checkpoint = readCheckpoint({ lane: lane.name, jobId }, text);
    return kept;
  }

  #record(lease: FleetLease, outcome: Outcome): Promise<boolean> {
    const { kept, text } = keptOutcome(outcome, lease.run.state.attempt);
    const value = kept.type === 'completed' ? { value: kept.value, text: text ?? null } : undefined;
    if (lease.run.state.cancel !== null) return this.#parts.ends.cancel(lease.delivery, lease.run, value);
    if (value !== undefined) return this.#complete(lease, value);
    if (kept.type === 'failed') return this.#fail(lease, kept);
    if (kept.type === 'retry') return this.#retry(lease, kept);
    return this.#giveBack(lease);
  }

  async #complete(lease: FleetLease, { value, text }: KeptValue): Promise<boolean> {
    const { run, delivery } = lease;
    const at = this.#parts.environment.clock.now();
    const { startedAt } = run.state;
    const result = { valueText: text, cancelled: false, abandoned: false, startedAt, at };
    const { done, cancel } = await this.#end(lease, (fetch) => this.#parts.moves.complete(delivery, result, fetch));
    if (cancel && (await this.#parts.ends.cancelAfterAll(delivery, run, { cancel, kept: { value, text } })))
      return true;
    if (done)
      await this.#parts.ends.ended(
        run,
        endedRun(run, delivery, { status: 'completed', result: value, updatedAt: at }),
        lease.hasSteps,
      );
    return done;
  }

  async #fail(lease: FleetLease, failure: Failure): Promise<boolean> {
    const { run, delivery } = lease;
    const { attempts, ended } = failedEnd(delivery, run, failure, this.#parts.environment.clock.now());
    const { done, cancel } = await this.#end(lease, (fetch) => this.#parts.moves.fail(delivery, attempts, fetch));
    if (cancel && (await this.#parts.ends.cancelAfterAll(delivery, run, { cancel, kept: undefined }))) return true;
    if (done) await this.#parts.ends.ended(run, ended, lease.hasSteps);
    return done;
  }

  async #retry(lease: FleetLease, outcome: Outcome & { type: 'retry' }): Promise<boolean> {
    const { run, delivery } = lease;
    const at = this.#parts.environment.clock.now();
    const attempts = retriedAttempts(run, delivery, outcome, at);
    const { expiresAt, versionBase } = run.origin;
    // It waits longer than it may, although it was at work when its time ran out.
    if (expiresAt !== null && expiresAt <= at) return this.#fail(lease, expiredAt(run.state.attempt));
    const { lane, jobId, number } = delivery;
    const dueAt = at + outcome.delayMs;
    const noted = this.#parts.moves.answered('let a run wait', () =>
      this.#parts.server.book.retryAt(lane.name, jobId, number, dueAt),
    );
    const [{ done }] = await Promise.all([this.#parts.moves.delay(delivery, attempts, outcome.delayMs), noted]);
    if (!done) return false;
    const version = versionOf(versionBase, number, STEP.retrying);
    const { error, cause } = outcome;
    const { failures, delays } = attempts;
    Object.assign(run.state, { status: 'retrying', version, updatedAt: at, dueAt, error, cause, failures, delays });
    this.#parts.teller.tell(run, { type: 'run:retrying', error, dueAt, abandoned: false });
    return true;
  }

  /** No attempt is used: whoever has a slot makes it again. */
  async #giveBack({ run, delivery }: FleetLease): Promise<boolean> {
    const { done } = await this.#parts.moves.giveBack(delivery);
    if (!done) return false;
    const version = versionOf(run.origin.versionBase, delivery.number, STEP.queued);
    Object.assign(run.state, { status: 'queued', version, updatedAt: this.#parts.environment.clock.now() });
    this.#parts.teller.tell(run, { type: 'run:queued' });
    return true;
  }

  /** Ends the job, and takes the next one with it where there is a slot for it. */
  async #end(
    { delivery }: FleetLease,
    move: (fetchNext: boolean) => Promise<Moved>,
  ): Promise<{ done: boolean; cancel: KeptCancel | undefined }> {
    const { lane, token, jobId } = delivery;
    const fetchNext = await this.#parts.next.wanted(lane);
    let taken: EndedAndTaken<Moved> | undefined;
    try {
      taken = await lane.end(() => move(fetchNext));
    } finally {
      if (fetchNext) this.#parts.next.came(lane, token, taken);
    }
    const { done } = taken.moved;
    if (!done || (await taken.endDoubt) === 0) return { done, cancel: undefined };
    // A cancel that was asked for while the run was at work, and has not come here yet.
    const [note] = await this.#parts.moves.answered('look for a cancel', () =>
      this.#parts.server.book.notesOf([jobId]),
    );
    // Where it has an end that is kept, whoever keeps house has ended it meanwhile: that was told, and stays.
    if (typeof note?.end === 'string') return { done: false, cancel: undefined };
    return { done, cancel: note?.cancel ?? undefined };
  }
}

/** Before anything is sent: a run that is half settled would stay so for ever. */
export function refuseImpossible({ run }: FleetLease, outcome: Outcome): void {
  if (outcome.type === 'retry') checkDuration('delayMs', outcome.delayMs);
  if (outcome.type === 'cancelled' && run.state.cancel === null)
    throw new Error(`run ${run.id} is ${run.status}: nobody cancelled it`);
}
