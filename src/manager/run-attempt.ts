import type { Backend, Holder, Lease, MaybePromise, Outcome, StoredRun } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { Logger } from '../ports/logger.js';
import { TaskError, type TimeLimitError } from '../task/errors.js';
import { decideRetry } from '../task/retry-policy.js';
import { describeError } from '../task/run-error.js';
import type { CancelledRequest } from '../task/run.js';
import type { LogLevel } from '../task/run-event.js';
import type { ResolvedTask } from '../task/task.js';
import type { AtWork } from './at-work.js';
import { Attempt, type AttemptTools, type ForcedEnd } from './attempt.js';
import { AttemptContext } from './attempt-context.js';
import { effectKey } from './effect-key.js';
import { ProgressMeter } from './progress-meter.js';
import type { Slots } from './slots.js';

/** What the attempts of one manager share. */
export interface RunAttemptTools extends AttemptTools {
  readonly backend: Backend;
  readonly slots: Slots;
  readonly graceMs: number;
  readonly logger: Logger | undefined;
  /** The attempts whose handlers are at work. */
  readonly atWork: AtWork<RunAttempt>;
  readonly tally: Tally;
}

/** What the manager counts. */
export interface Tally {
  /** Handlers at work whose run or attempt has ended without them. */
  abandoned: number;
  /** Results, errors, progress, log lines and cancels that came too late. */
  dropped: number;
}

/** An attempt of a run: reports to the backend that delivered it, and holds a slot until its handler has settled. */
export class RunAttempt extends Attempt implements Holder {
  readonly #run: StoredRun;
  readonly #lease: Lease;
  readonly #tools: RunAttemptTools;
  /** An import's run holds no slot: its items do. */
  readonly #holdsSlot: boolean;
  #meter: ProgressMeter | undefined;
  #recorded = false;
  #recordWatcher: (() => void) | undefined;
  #telling: Promise<void> | undefined;
  placeAtWork = 0;

  constructor(lease: Lease, task: ResolvedTask, tools: RunAttemptTools) {
    super(task, tools);
    this.#run = lease.run;
    this.#lease = lease;
    this.#tools = tools;
    this.#holdsSlot = lease.run.kind === 'run';
    tools.atWork.add(this);
    if (this.#holdsSlot) tools.slots.take(this.#slotOwner);
    else tools.slots.takeImport();
  }

  get run(): StoredRun {
    return this.#run;
  }

  /** Whether the attempt is over and the backend has answered to that. */
  get recorded(): boolean {
    return this.#recorded;
  }

  /** Calls back when the attempt is {@link recorded}, at once where it is. For one caller at a time. */
  whenRecorded(callback: () => void): void {
    if (this.#recorded) callback();
    else this.#recordWatcher = callback;
  }

  /** Settles when the backend has answered to all that the attempt has reported; undefined where it answers at once. */
  get telling(): Promise<void> | undefined {
    return this.#telling;
  }

  override get runId(): string {
    return this.#run.id;
  }

  override get idempotencyKey(): string {
    return effectKey(this.#run);
  }

  begin(): void {
    this.call(this.#run.input, new AttemptContext(this, this.#run.attempt, null));
  }

  cancel(request: CancelledRequest): void {
    // The items of an import have a grace of their own each, and end within it: the import ends right after them.
    this.cancelWithin(request, this.#holdsSlot ? this.#tools.graceMs : 2 * this.#tools.graceMs);
  }

  lost(): void {
    if (this.abortLost()) return;
    this.#noteRecorded();
    this.#leave();
  }

  override tellProgress(done: number, total: number | null, note: string | null): void {
    if (this.ended) {
      this.#tools.tally.dropped += 1;
      return;
    }
    const { backend, clock, timers } = this.#tools;
    this.#meter ??= new ProgressMeter(
      (progress) => void this.#catch(() => backend.progress(this.#lease, progress)),
      clock,
      timers,
    );
    this.#meter.tell(done, total, note);
  }

  override keepCheckpoint(checkpoint: Checkpoint): MaybePromise<boolean> {
    return !this.ended && this.#tools.backend.checkpoint(this.#lease, checkpoint);
  }

  override writeLog(level: LogLevel, message: string): void {
    const { backend, logger, tally } = this.#tools;
    logger?.[level]({ runId: this.#run.id, task: this.#run.task }, message);
    if (this.ended) tally.dropped += 1;
    else void this.#catch(() => backend.log(this.#lease, { level, message }));
  }

  protected override onReturned(value: unknown): void {
    this.#settle({ type: 'completed', value });
  }

  protected override onThrew(error: unknown, interrupted: boolean): void {
    this.#settle(interrupted ? this.#interruption() : this.#afterFailure(error));
  }

  protected override onForced(end: ForcedEnd, error: TimeLimitError | undefined): void {
    if (this.#holdsSlot) this.#tools.tally.abandoned += 1;
    this.#tools.logger?.warn(
      { runId: this.#run.id, task: this.#run.task, attempt: this.#run.attempt },
      `A handler does not stop (${end}); its run goes on without it, its slot stays taken`,
    );
    this.#report(this.#outcomeOf(end, error), true);
  }

  protected override onLate(): void {
    if (this.#holdsSlot) this.#tools.tally.abandoned -= 1;
    this.#tools.tally.dropped += 1;
    // A release must not overtake the end that it belongs to.
    const released = this.#telling === undefined ? this.#release() : this.#telling.then(() => this.#release());
    if (released === undefined) this.#leave();
    else this.#telling = released.then(() => this.#leave());
  }

  #release(): Promise<void> | undefined {
    return this.#catch(() => this.#tools.backend.release(this.#lease));
  }

  #outcomeOf(end: ForcedEnd, error: TimeLimitError | undefined): Outcome {
    if (end === 'grace') return { type: 'cancelled' };
    return end === 'interrupted' ? this.#interruption() : this.#afterFailure(error);
  }

  #afterFailure(cause: unknown): Outcome {
    const { attempt, delays } = this.#run;
    const error = describeError(cause, attempt);
    const { retry } = this.task;
    // No policy of a user's is asked about a run that was cancelled: it ends anyway.
    if (this.#run.status === 'cancelling') return { type: 'failed', error, cause };
    const next = decideRetry(retry, { error: cause, attempt, delays, random: this.#tools.random });
    return next.again ? { type: 'retry', error, cause, ...next } : { type: 'failed', error, cause };
  }

  #interruption(): Outcome {
    const error = new TaskError('RUN_INTERRUPTED', 'The manager was closed while the run was at work');
    return { type: 'interrupted', error: describeError(error, this.#run.attempt) };
  }

  #settle(outcome: Outcome): void {
    this.#report(outcome, false);
    // Its slot is free before the backend has answered: the next run begins with the same commit that ends this one.
    this.#giveSlot();
    if (this.#telling === undefined) this.#tools.atWork.delete(this);
    else this.#telling = this.#telling.then(() => this.#tools.atWork.delete(this));
  }

  /** The handler is at work no more. */
  #leave(): void {
    this.#tools.atWork.delete(this);
    this.#giveSlot();
  }

  #giveSlot(): void {
    if (this.#holdsSlot) this.#tools.slots.give(this.#slotOwner);
    else this.#tools.slots.giveImport();
  }

  #report(outcome: Outcome, held: boolean): void {
    this.#meter?.flush();
    const answer = this.#settleOnBackend(outcome, held);
    if (answer === undefined) this.#noteRecorded();
    else this.#telling = answer.then(() => this.#noteRecorded());
  }

  #settleOnBackend(outcome: Outcome, held: boolean): Promise<void> | undefined {
    try {
      return this.#told(this.#tools.backend.settle(this.#lease, outcome, held));
    } catch (error) {
      this.#notTold(error);
      return undefined;
    }
  }

  #noteRecorded(): void {
    this.#recorded = true;
    this.#recordWatcher?.();
  }

  /** A backend that fails must not leave the slot taken for ever. */
  #catch(call: () => unknown): Promise<void> | undefined {
    try {
      return this.#told(call());
    } catch (error) {
      this.#notTold(error);
      return undefined;
    }
  }

  /** @returns a promise that never rejects, where the backend answers later. */
  #told(answer: unknown): Promise<void> | undefined {
    if (answer instanceof Promise) {
      return answer.then(
        (valid) => this.#countDropped(valid),
        (error: unknown) => this.#notTold(error),
      );
    }
    this.#countDropped(answer);
    return undefined;
  }

  #notTold(error: unknown): void {
    this.#tools.logger?.error({ runId: this.#run.id, err: error }, 'What an attempt reported could not be recorded');
  }

  #countDropped(valid: unknown): void {
    if (valid === false) this.#tools.tally.dropped += 1;
  }

  get #slotOwner(): ResolvedTask | null {
    return this.#run.task === null ? null : this.task;
  }
}
