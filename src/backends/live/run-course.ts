import type { BackendEnvironment, Outcome } from '../../ports/backend.js';
import type { Checkpoint } from '../../ports/checkpoint.js';
import { checkDuration } from '../../task/checks.js';
import { TaskError } from '../../task/errors.js';
import { MAX_FAILURES, type CancelledRequest, type Progress, type RunError } from '../../task/run.js';
import { describeError } from '../../task/run-error.js';
import type { LogLine } from '../../task/run-event.js';
import { isFinal, isWaiting } from '../../task/status.js';
import { KeepAlive } from '../../timing/keep-alive.js';
import type { Dispatcher } from './dispatcher.js';
import type { Journal } from './journal.js';
import { lastChange, QUEUED } from './run-changes.js';
import { callFinalWatchers, callFreeWatchers, type RunLife } from './run-life.js';
import type { MemoryLease, RareState, RunRecord } from './run-record.js';
import { RunWaits } from './run-waits.js';

/** What {@link RunCourse} works with. */
export interface CourseParts {
  readonly environment: BackendEnvironment;
  readonly life: RunLife;
  readonly dispatcher: Dispatcher;
  readonly journal: Journal;
  /** Whether what the manager interrupts goes back to `queued`, for a later process. */
  readonly durable: boolean;
  /** Of a run that has ended nothing is kept any more but its result, or its input where it has failed. */
  readonly onLighter: (record: RunRecord) => void;
  /** Puts an ended run away whose handlers have settled. */
  readonly shelve: (record: RunRecord) => void;
}

/** How long a run waits before it is due, and for its first attempt at most. */
interface Waiting {
  readonly delayMs: number;
  readonly expiresInMs: number | null;
  /** Whether the journal has it as it is. Default false. */
  readonly kept?: boolean;
}

/** Takes runs from status to status: due, expired, cancelled, settled, released, ended. */
export class RunCourse {
  readonly #environment: BackendEnvironment;
  readonly #life: RunLife;
  readonly #dispatcher: Dispatcher;
  readonly #journal: Journal;
  readonly #durable: boolean;
  readonly #onLighter: (record: RunRecord) => void;
  readonly #shelve: (record: RunRecord) => void;
  readonly #waits: RunWaits;
  readonly #keepAlive = new KeepAlive();

  constructor({ environment, life, dispatcher, journal, durable, onLighter, shelve }: CourseParts) {
    this.#environment = environment;
    this.#life = life;
    this.#dispatcher = dispatcher;
    this.#journal = journal;
    this.#durable = durable;
    this.#onLighter = onLighter;
    this.#shelve = shelve;
    this.#waits = new RunWaits(environment.clock, {
      onDue: (record) => this.#due(record),
      onExpired: (record) => this.expire(record),
    });
  }

  /** A run was accepted, or found again in a waiting status. */
  begin(record: RunRecord, { delayMs, expiresInMs, kept = false }: Waiting): void {
    if (record.status !== 'queued') this.#waits.wait(record, delayMs);
    if (expiresInMs !== null) this.#waits.limit(record, expiresInMs);
    this.#life.born(record, kept);
    if (this.#life.live === 1) this.#keepAlive.hold();
    if (record.status === 'queued') this.#dispatcher.enqueue(record);
  }

  /** Ends a waiting run that will not be tried (again). */
  failWaiting(record: RunRecord, cause: TaskError): void {
    this.#fail(record, describeError(cause, record.attempt), cause);
  }

  /** The time that a run may wait is over; one that is at work fails when it would wait again. */
  expire(record: RunRecord): void {
    record.seldom.expired = true;
    if (isWaiting(record.status))
      this.failWaiting(record, new TaskError('QUEUE_EXPIRED', 'The run was not started in time (expiresInMs)'));
  }

  /** A run that has just begun could not be kept: it is to be as if it had never been. */
  undo(record: RunRecord): void {
    if (record.status === 'queued') this.#dispatcher.waiting.remove(record);
    this.#waits.stop(record);
    this.#life.undo(record);
    if (this.#life.live === 0) this.#keepAlive.letGo();
    const holder = record.lease?.holder;
    record.lease = null;
    holder?.lost();
  }

  /** Ends a waiting run, asks the holder of a running one, leaves every other alone. */
  cancel(record: RunRecord, request: CancelledRequest): void {
    if (isFinal(record.status)) this.#environment.observer.cancelledLate(record);
    if (isFinal(record.status) || record.status === 'cancelling') return;
    const rare = record.seldom;
    rare.cancel = request;
    rare.cancelRequestedAt ??= this.#environment.clock.now();
    if (record.status !== 'running') {
      this.#end(record, 'cancelled');
      return;
    }
    this.#life.move(record, 'cancelling', () => ({ type: 'run:cancelling', ...request }));
    record.lease?.holder?.cancel(request);
  }

  /** @returns false where the lease is no longer the run's. */
  settle(lease: MemoryLease, outcome: Outcome, held: boolean): boolean {
    const record = lease.run;
    if (record.lease !== lease || lease.held) return false;
    refuseImpossible(record, outcome);
    lease.held = held;
    if (!held) record.lease = null;
    if (held) record.seldom.abandoned = true;
    if (record.status === 'cancelling') this.#endCancelled(record, outcome);
    else if (outcome.type === 'completed') this.#complete(record, outcome.value);
    else if (outcome.type === 'retry') this.#retry(record, outcome);
    else if (outcome.type === 'interrupted' && this.#durable) this.#giveBack(record);
    else if (outcome.type !== 'cancelled')
      this.#fail(record, outcome.error, outcome.type === 'failed' ? outcome.cause : undefined);
    return true;
  }

  /** The handler of an attempt that was settled as held has settled. */
  release(lease: MemoryLease): void {
    const record = lease.run;
    if (record.lease !== lease) return;
    record.lease = null;
    if (!isFinal(record.status)) {
      record.seldom.abandoned = false;
      this.#life.touch(record);
      if (record.rare?.due) this.#enqueue(record);
      return;
    }
    this.#journal.after(record, this.#free, record);
  }

  progress(lease: MemoryLease, progress: Progress): void {
    if (!lease.isCurrent) return;
    lease.run.progress = progress;
    lease.run.updatedAt = this.#environment.clock.now();
    this.#life.note(lease.run, () => ({ type: 'run:progress', progress }));
  }

  /** @returns false where it is no longer wanted. */
  checkpoint(lease: MemoryLease, checkpoint: Checkpoint): boolean {
    if (!lease.isCurrent) return false;
    lease.run.seldom.checkpoint = checkpoint;
    return true;
  }

  log(lease: MemoryLease, line: LogLine): void {
    if (lease.isCurrent) this.#life.note(lease.run, () => ({ type: 'run:log', ...line }));
  }

  close(): void {
    this.#waits.close();
    this.#keepAlive.close();
  }

  #complete(record: RunRecord, value: unknown): void {
    record.result = value;
    this.#end(record, 'completed');
  }

  /** Cancelled means cancelled, however the handler settled; a value it still returned is kept. */
  #endCancelled(record: RunRecord, outcome: Outcome): void {
    if (outcome.type === 'completed') record.result = outcome.value;
    this.#end(record, 'cancelled');
  }

  #retry(record: RunRecord, { error, cause, delayMs, usesAttempt }: Outcome & { type: 'retry' }): void {
    const rare = record.seldom;
    rare.remember(error, cause);
    if (usesAttempt) this.#count(rare, error);
    else {
      rare.repeat = true;
      rare.delays += 1;
    }
    this.#waits.wait(record, delayMs);
    const dueAt = rare.dueAt ?? record.updatedAt;
    this.#life.move(record, 'retrying', () => ({ type: 'run:retrying', error, dueAt, abandoned: rare.abandoned }));
    // It waits longer than it may, although it was at work when its time ran out.
    if (rare.expired) this.expire(record);
  }

  /** No attempt is used: the next process makes it again. */
  #giveBack(record: RunRecord): void {
    record.seldom.repeat = true;
    this.#life.move(record, 'queued', QUEUED);
    // A handler that is still at work dies with this process.
    if (record.lease === null) this.#dispatcher.enqueue(record);
  }

  #fail(record: RunRecord, error: RunError, cause: unknown): void {
    record.seldom.remember(error, cause);
    this.#count(record.seldom, error);
    this.#end(record, 'failed');
  }

  /** A delay that the handler asked for is no failure; every attempt that was used up is. */
  #count(rare: RareState, error: RunError): void {
    const failure = Object.freeze({ ...error, at: this.#environment.clock.now() });
    rare.failures = Object.freeze([...rare.failures.slice(1 - MAX_FAILURES), failure]);
  }

  #due(record: RunRecord): void {
    // The next attempt does not begin before the handler of the last one has settled.
    if (record.lease === null) this.#enqueue(record);
    else record.seldom.due = true;
  }

  #enqueue(record: RunRecord): void {
    record.seldom.due = false;
    this.#life.move(record, 'queued', QUEUED);
    this.#dispatcher.enqueue(record);
  }

  /** The one place where a run gets its final status. */
  #end(record: RunRecord, status: 'completed' | 'failed' | 'cancelled'): void {
    if (record.status === 'queued' && record.next !== null) this.#dispatcher.waiting.remove(record);
    this.#waits.stop(record);
    if (record.rare !== null && record.lease !== null) record.rare.abandoned = true;
    if (status === 'cancelled') record.takeSoFar();
    this.#life.move(record, status, lastChange);
    if (record.lighten()) this.#onLighter(record);
    if (this.#life.live === 0) this.#keepAlive.letGo();
    this.#journal.after(record, this.#tellEnd, record);
    if (record.lease === null) this.#journal.after(record, this.#free, record);
  }

  readonly #tellEnd = (record: RunRecord): void => {
    callFinalWatchers(record);
    this.#environment.observer.settled(record);
  };

  /** The run has ended and its handler has settled. */
  readonly #free = (record: RunRecord): void => {
    this.#shelve(record);
    callFreeWatchers(record);
  };
}

/** Before anything is written: a run that is half settled would stay so for ever. */
function refuseImpossible(record: RunRecord, outcome: Outcome): void {
  if (outcome.type === 'retry') checkDuration('delayMs', outcome.delayMs);
  if (outcome.type === 'cancelled' && record.status !== 'cancelling')
    throw new Error(`run ${record.id} is ${record.status}: nobody cancelled it`);
}
