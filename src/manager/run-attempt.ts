import type { Backend, Holder, Lease, MaybePromise, Outcome, StoredRun } from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import { TaskError, type TimeLimitError } from '../task/errors.js';
import { decideRetry } from '../task/retry-policy.js';
import { describeError } from '../task/run-error.js';
import type { FileOptions, FileResult, FileSource } from '../task/file-result.js';
import type { CancelledRequest } from '../task/run.js';
import type { LogLevel } from '../task/run-event.js';
import type { ResolvedTask } from '../task/task.js';
import { ProgressMeter } from '../timing/progress-meter.js';
import type { AtWork } from './at-work.js';
import type { ForcedEnd } from './attempt-tools.js';
import { AttemptContext } from './attempt-context.js';
import { type SharedPlace, sharedPlace } from './attempt-slot.js';
import { AttemptFiles } from './attempt-files.js';
import { AttemptRecord } from './attempt-record.js';
import { effectKey } from './effect-key.js';
import { ParentAttempt, type ParentTools } from './parent-attempt.js';
import { mayBeRepeated, prepare } from './pick-up.js';
import { Steps } from './steps.js';
import { notTold, type Tally, told } from './told.js';
import type { RunFiles } from './run-files.js';

/** What the attempts of one manager share. */
export interface RunAttemptTools extends ParentTools {
  readonly backend: Backend;
  readonly files: RunFiles;
  readonly graceMs: number;
  /** The attempts whose handlers are at work. */
  readonly atWork: AtWork<RunAttempt>;
  readonly tally: Tally;
}

/** An attempt of a run: reports to the backend that delivered it, and holds a slot until its handler has settled. */
export class RunAttempt extends ParentAttempt<RunAttemptTools> implements Holder {
  readonly #run: StoredRun;
  readonly #lease: Lease;
  /** An import's run holds no slot: its items do. */
  readonly #holdsSlot: boolean;
  #meter: ProgressMeter | undefined;
  #files: AttemptFiles | undefined;
  #record: AttemptRecord | undefined;
  /** Its end was answered at once. */
  #answered = false;
  placeAtWork = 0;

  constructor(lease: Lease, task: ResolvedTask, tools: RunAttemptTools) {
    super(task, tools);
    this.#run = lease.run;
    this.#lease = lease;
    this.#holdsSlot = lease.run.kind === 'run';
    tools.atWork.add(this);
    if (this.#holdsSlot) tools.slots.take(this.slotOwner);
    else tools.slots.takeImport();
  }

  override get run(): StoredRun {
    return this.#run;
  }

  override get runId(): string {
    return this.#run.id;
  }

  override get idempotencyKey(): string {
    return effectKey(this.#run);
  }

  /** Of its end. Made when it is needed: most ends are answered at once, before anybody asks. */
  get record(): AttemptRecord {
    return (this.#record ??= new AttemptRecord(this.#answered));
  }

  begin(): void {
    const prepared = prepare(this, this.tools.children);
    if (prepared === undefined) this.#call();
    else void prepared.then(() => this.#call());
  }

  /** Its parent has ended: its handler is not called, or sees its signal. */
  refuse(request: CancelledRequest): void {
    if (!this.aborted) this.cancel(request);
  }

  #call(): void {
    this.call(this.#run.input, new AttemptContext(this, this.#run.attempt, null));
  }

  cancel(request: CancelledRequest): void {
    // The items of an import have a grace of their own each, and end within it: the import ends right after them.
    this.cancelWithin(request, this.#holdsSlot ? this.tools.graceMs : 2 * this.tools.graceMs);
  }

  lost(): void {
    if (this.abortLost(this.tools.graceMs)) return;
    this.record.note();
    this.#leave();
  }

  override tellProgress(done: number, total: number | null, note: string | null): void {
    if (this.ended) {
      this.tools.tally.dropped += 1;
      return;
    }
    const { backend, clock, timers } = this.tools;
    this.#meter ??= new ProgressMeter((progress) => void this.#tell(() => backend.progress(this.#lease, progress)), {
      intervalMs: 100,
      clock,
      timers,
    });
    this.#meter.tell(done, total, note);
  }

  override storeFile(name: string, source: FileSource, options: FileOptions | undefined): Promise<FileResult> {
    return (this.#files ??= new AttemptFiles(this, this.tools.files)).store(name, source, options);
  }

  override keepCheckpoint(checkpoint: Checkpoint): MaybePromise<boolean> {
    return !this.ended && this.tools.backend.checkpoint(this.#lease, checkpoint);
  }

  override writeLog(level: LogLevel, message: string): void {
    const { backend, logger, tally } = this.tools;
    logger?.[level]({ runId: this.#run.id, task: this.#run.task }, message);
    if (this.ended) tally.dropped += 1;
    else void this.#tell(() => backend.log(this.#lease, { level, message }));
  }

  protected override onReturned(value: unknown): void {
    this.#settle({ type: 'completed', value });
  }

  protected override onThrew(error: unknown, interrupted: boolean): void {
    this.#settle(interrupted ? this.#interruption() : this.#afterFailure(error));
  }

  protected override onForced(end: ForcedEnd, error: TimeLimitError | undefined): void {
    if (this.#holdsSlot) this.tools.tally.abandoned += 1;
    this.tools.logger?.warn(
      { runId: this.#run.id, task: this.#run.task, attempt: this.#run.attempt },
      `A handler does not stop (${end}); its run goes on without it, its slot stays taken`,
    );
    this.#report(this.#outcomeOf(end, error), true);
  }

  protected override onLate(): void {
    if (this.#holdsSlot) this.tools.tally.abandoned -= 1;
    this.tools.tally.dropped += 1;
    // A release must not overtake the end that it belongs to.
    this.record.afterwards(() => this.#release());
    this.record.afterwards(() => this.#leave());
  }

  #release(): Promise<void> | undefined {
    return this.#tell(() => this.tools.backend.release(this.#lease));
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
    const next = decideRetry(retry, { error: cause, attempt, delays, random: this.tools.random });
    return next.again ? { type: 'retry', error, cause, ...next } : { type: 'failed', error, cause };
  }

  #interruption(): Outcome {
    const error = new TaskError('RUN_INTERRUPTED', 'The manager was closed while the run was at work');
    return { type: 'interrupted', error: describeError(error, this.#run.attempt) };
  }

  #settle(outcome: Outcome): void {
    this.#report(outcome, false);
    // Its slot is free before the backend has answered: the next run begins with the same commit that ends this one.
    this.giveSlot();
    if (this.#record === undefined) this.tools.atWork.delete(this);
    else this.#record.afterwards(() => this.tools.atWork.delete(this));
  }

  /** The handler is at work no more. */
  #leave(): void {
    this.tools.atWork.delete(this);
    this.giveSlot();
  }

  protected override freeSlot(): void {
    if (this.#holdsSlot) this.tools.slots.give(this.slotOwner);
    else this.tools.slots.giveImport();
  }

  #report(outcome: Outcome, held: boolean): void {
    this.#meter?.flush();
    const answer = this.#settleOnBackend(outcome, held);
    if (answer !== undefined) this.record.reported(answer);
    else if (this.#record !== undefined) this.#record.note();
    else this.#answered = true;
  }

  /** @returns undefined where the backend has answered. */
  #settleOnBackend(outcome: Outcome, held: boolean): Promise<void> | undefined {
    let answer: MaybePromise<boolean> | undefined;
    try {
      answer = this.tools.backend.settle(this.#lease, outcome, held);
      return told(answer, this.tools, this.#run.id);
    } catch (error) {
      notTold(error, this.tools, this.#run.id);
      return undefined;
    } finally {
      this.#files?.end(outcome, answer);
    }
  }

  #tell(call: () => unknown): Promise<void> | undefined {
    try {
      return told(call(), this.tools, this.#run.id);
    } catch (error) {
      notTold(error, this.tools, this.#run.id);
      return undefined;
    }
  }

  protected override get slotOwner(): ResolvedTask | null {
    return this.#run.task === null ? null : this.task;
  }

  protected override get itemIndex(): null {
    return null;
  }

  override get mayBeRepeated(): boolean {
    return mayBeRepeated(this.#run, this.tools.backend);
  }

  protected override get place(): SharedPlace | undefined {
    return this.#holdsSlot ? sharedPlace(this.tools.backend, this.#lease) : undefined;
  }

  protected override get hardLimitMs(): number | undefined {
    const { hardLimitMs: own } = this.#run;
    const { hardLimitMs } = this.task.limits;
    return own === null ? hardLimitMs : Math.min(own, hardLimitMs ?? Infinity);
  }

  protected override newSteps(): Steps {
    return new Steps({
      backend: this.tools.backend,
      lease: this.#lease,
      mayBeKept: this.mayBeRepeated,
      refuseIfOver: () => this.refuseIfOver(),
    });
  }
}
