import type { WorkOptions } from '../../../ports/backend.js';
import { TaskError } from '../../../task/errors.js';
import { describeError } from '../../../task/run-error.js';
import { expiredAt, type Failure } from '../runs/attempt-ends.js';
import type { Note } from '../book/book.js';
import {
  beginRun,
  crashesOf,
  type Delivery,
  readDelivery,
  type TakenJob,
  waitingRun,
  withWhatWasLeft,
} from './delivery.js';
import type { DeliveringParts } from './delivering-parts.js';
import { FleetLease } from './fleet-lease.js';
import type { FleetRun } from '../runs/fleet-run.js';
import { STEP, versionOf } from '../runs/run-version.js';
import type { Settling } from './settling.js';

/** What {@link PickUp} works with. */
export interface PickUpParts extends DeliveringParts {
  readonly settling: Settling;
}

/** Decides what becomes of a job that was taken: most begin at once; what was cancelled or has ended meanwhile does not. */
export class PickUp {
  readonly #parts: PickUpParts;

  constructor(parts: PickUpParts) {
    this.#parts = parts;
  }

  /** @param options who takes runs now; asked once more when everything else is decided. */
  async pickUp(taken: TakenJob, options: () => WorkOptions | undefined): Promise<void> {
    const read = readDelivery(taken);
    const note = await this.#noteOf(read, isDoubtful(taken));
    const delivery = withWhatWasLeft(read, note);
    if (note !== undefined && (await this.#isOver(delivery, note))) return;
    const failure = whyNot(delivery, note, this.#parts.environment.clock.now());
    if (failure !== undefined) {
      const run = waitingRun(delivery, note, this.#parts.environment.clock.now());
      await this.#parts.ends.failWaiting(delivery, run, { failure, hasSteps: note?.steps ?? false });
    } else if (!(await this.#waitsStill(delivery))) await this.#begin(delivery, note, options());
  }

  /** A first delivery that nobody has cancelled has no note. */
  async #noteOf({ lane, jobId, number }: Delivery, doubtful: boolean): Promise<Note | undefined> {
    const { book } = this.#parts.server;
    if (number > 1) return this.#parts.moves.answered('deliver a run', () => book.deliver(lane.name, jobId, number));
    if (!doubtful) return undefined;
    return (await this.#parts.moves.answered('deliver a run', () => book.notesOf([jobId])))[0];
  }

  /** @returns whether there is nothing to begin now. */
  async #isOver(delivery: Delivery, note: Note): Promise<boolean> {
    if (note.end !== null) await this.#parts.ends.discard(delivery);
    else if (note.cancel !== null) await this.#cancel(delivery, note);
    else return false;
    return true;
  }

  async #cancel(delivery: Delivery, note: Note): Promise<void> {
    await this.#parts.ends.cancel(delivery, waitingRun(delivery, note, this.#parts.environment.clock.now()), undefined);
  }

  /** The handler of the last attempt has died with its process before the next was due. */
  async #waitsStill(delivery: Delivery): Promise<boolean> {
    const { attempts, lane, jobId, number } = delivery;
    const waitMs = (attempts.dueAt ?? 0) - this.#parts.environment.clock.now();
    if (waitMs <= 0 || !delivery.wasHeld) return false;
    await this.#parts.moves.delay(delivery, attempts, waitMs);
    const { book } = this.#parts.server;
    const dueAt = attempts.dueAt ?? 0;
    await this.#parts.moves.answered('let a run wait', () => book.retryAt(lane.name, jobId, number, dueAt));
    return true;
  }

  async #begin(delivery: Delivery, note: Note | undefined, options: WorkOptions | undefined): Promise<void> {
    const { kind, task } = delivery.lane.id;
    const hasSlot = options !== undefined && options.freeSlots(kind, task) > 0;
    if (!hasSlot || this.#isStale(delivery, note)) {
      // Where it is somebody else's by now, BullMQ refuses that.
      await this.#parts.moves.giveBack(delivery);
      return;
    }
    const run = beginRun(delivery, note, this.#parts.environment.clock.now());
    this.#tellBeginning(run, delivery);
    const lease = new FleetLease(run, delivery, this.#parts.teller, note?.steps);
    this.#parts.leases.add(lease);
    try {
      lease.holder = options.take(run, lease);
      lease.holder.begin();
    } catch (cause) {
      // Holders must not throw; where one does, its run is not to stay as it is for ever.
      await this.#parts.settling.settle(lease, { type: 'failed', error: describeError(cause, run.attempt), cause });
    }
  }

  /** This process was held up since it took the job: another one may have taken it, too, and begun the run. */
  #isStale(delivery: Delivery, note: Note | undefined): boolean {
    return this.#parts.leases.lastsFor(delivery) <= 0 || (note?.delivery ?? 0) > delivery.number;
  }

  /** That a run is due, or comes back from a process that died, nobody else can tell. */
  #tellBeginning(run: FleetRun, { origin, attempts, number, stalls }: Delivery): void {
    const { version } = run.state;
    const waited = number === 1 ? origin.dueAt !== null : attempts.dueAt !== null || stalls > 0;
    if (waited) {
      run.state.version = versionOf(origin.versionBase, number - 1, STEP.queued);
      run.state.status = 'queued';
      this.#parts.teller.tell(run, { type: 'run:queued' });
      run.state.status = 'running';
      run.state.version = version;
    }
    this.#parts.teller.tell(run, { type: 'run:started' });
  }
}

/** It may have been cancelled, or ended, while it waited. */
function isDoubtful({ doubt, job }: TakenJob): boolean {
  return doubt !== 0 || job.deferredFailure !== undefined;
}

/** Why a run is not begun any more; undefined where it is. */
function whyNot(delivery: Delivery, note: Note | undefined, now: number): Failure | undefined {
  const { origin, stalls, attempts } = delivery;
  const { attempt } = waitingRun(delivery, note, now);
  if (origin.expiresAt !== null && origin.expiresAt <= now) return expiredAt(attempt);
  if (stalls <= attempts.stallsBefore) return undefined;
  if (origin.onCrash === 'fail' || delivery.lane.id.process !== null)
    return failureOf(new TaskError('RUN_INTERRUPTED', 'The process ended while the run was at work'), attempt);
  if (crashesOf(delivery, note) <= origin.maxCrashes) return undefined;
  return failureOf(
    new TaskError('CRASHED', `More than ${origin.maxCrashes} processes ended while the run was at work`),
    attempt,
  );
}

function failureOf(cause: TaskError, attempt: number): Failure {
  return { cause, error: describeError(cause, attempt) };
}
