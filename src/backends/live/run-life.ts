import type { Moment, Watcher } from '../../ports/backend.js';
import type { Clock } from '../../ports/clock.js';
import type { Run } from '../../task/run.js';
import type { RunChange, RunEvent } from '../../task/run-event.js';
import { canMove, isFinal, isWaiting, type RunStatus } from '../../task/status.js';
import type { Journal } from './journal.js';
import type { RunRecord } from './run-record.js';

/** Says what happened to a run, to those who listen. A function made for each run would cost more than the step. */
type Change = (record: RunRecord) => RunChange;

/**
 * The one writer of statuses: every step is checked against the table of transitions, counted, and told. Building an
 * event costs more than a step, so there is one only where somebody listens.
 */
export class RunLife {
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #listeners = new Set<(event: RunEvent) => void>();
  /** Runs that are `scheduled`, `queued` or `retrying`. */
  waiting = 0;
  /** Runs that have not ended. */
  live = 0;

  constructor(clock: Clock, journal: Journal) {
    this.#clock = clock;
    this.#journal = journal;
  }

  /** Counts a record that was just made, and tells of it; with `kept`, the journal has it as it is. */
  born(record: RunRecord, kept = false): void {
    record.lane.counts[record.status] += 1;
    this.waiting += 1;
    this.live += 1;
    if (!kept) this.#journal.changed(record);
    if (!this.#heard(record)) return;
    const dueAt = record.rare?.dueAt ?? record.createdAt;
    this.#tell(record, record.status === 'scheduled' ? { type: 'run:scheduled', dueAt } : { type: 'run:queued' });
  }

  /** @throws {Error} when no such transition exists, which is a mistake in this backend. */
  move(record: RunRecord, to: RunStatus, change: Change): void {
    const from = record.status;
    if (!canMove(from, to)) throw new Error(`a run cannot go from ${from} to ${to}`);
    const { counts } = record.lane;
    counts[from] -= 1;
    counts[to] += 1;
    if (isWaiting(from)) this.waiting -= 1;
    if (isWaiting(to)) this.waiting += 1;
    if (isFinal(to)) this.live -= 1;
    record.status = to;
    record.updatedAt = this.#clock.now();
    this.touch(record);
    this.#tellIfHeard(record, change);
  }

  /** Counts a change that nobody is told of. */
  touch(record: RunRecord): void {
    record.version += 1;
    this.#journal.changed(record);
  }

  /** Tells of something that changes no status. */
  note(record: RunRecord, change: Change): void {
    record.version += 1;
    this.#journal.changedLazily(record);
    this.#tellIfHeard(record, change);
  }

  /** A record that has not ended is to be as if it had never been. */
  undo(record: RunRecord): void {
    this.gone(record);
    if (isWaiting(record.status)) this.waiting -= 1;
    if (!isFinal(record.status)) this.live -= 1;
  }

  /** A record is no longer kept. */
  gone(record: RunRecord): void {
    record.lane.counts[record.status] -= 1;
  }

  listen(record: RunRecord | null, listener: (event: RunEvent) => void): () => void {
    const listeners = record === null ? this.#listeners : (record.seldom.listeners ??= new Set());
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (record?.rare && listeners.size === 0) record.rare.listeners = undefined;
    };
  }

  #tellIfHeard(record: RunRecord, change: Change): void {
    if (this.#heard(record)) this.#tell(record, change(record));
  }

  #heard(record: RunRecord): boolean {
    return this.#listeners.size > 0 || record.rare?.listeners !== undefined;
  }

  #tell(record: RunRecord, change: RunChange): void {
    const event: RunEvent = {
      seq: record.version,
      at: this.#clock.now(),
      runId: record.id,
      task: record.task,
      tags: record.tags,
      status: record.status,
      attempt: record.attempt,
      ...change,
    };
    this.#journal.after(record, this.#emit, { event, to: record });
  }

  readonly #emit = ({ event, to }: { event: RunEvent; to: RunRecord }): void => {
    for (const listener of this.#listeners) listener(event);
    for (const listener of to.rare?.listeners ?? []) listener(event);
  };
}

/** Adds who waits for a moment of a run; calls back at once where it has passed. */
export function watchRun(record: RunRecord, moment: Moment, callback: Watcher): void {
  const isOver = moment === 'free' ? !record.active : isFinal(record.status);
  if (isOver) callback(record.snapshot());
  else addWatcher(record, moment, callback);
}

/** Adds who waits for a moment of a run, whether it has passed or not. */
export function addWatcher(record: RunRecord, moment: Moment, callback: Watcher): void {
  if (moment === 'free') (record.seldom.freeWatchers ??= new Set()).add(callback);
  else if (record.watchers === null) record.watchers = callback;
  else if (typeof record.watchers === 'function') record.watchers = new Set([record.watchers, callback]);
  else record.watchers.add(callback);
}

/** Somebody waits no longer. */
export function unwatchRun(record: RunRecord, moment: Moment, callback: Watcher): void {
  if (moment === 'free') {
    record.rare?.freeWatchers?.delete(callback);
  } else if (record.watchers === callback) record.watchers = null;
  else if (record.watchers instanceof Set) record.watchers.delete(callback);
}

/** Calls whoever waits for the end of the run. */
export function callFinalWatchers(record: RunRecord, told?: Run): void {
  const { watchers } = record;
  if (watchers === null) return;
  record.watchers = null;
  const ended = told ?? record.snapshot();
  if (typeof watchers === 'function') watchers(ended);
  else for (const callback of watchers) callback(ended);
}

/** Calls whoever still waits for a moment that will not come in this process, with what they are to be told. */
export function callAllWatchers(record: RunRecord, told: Run): void {
  callFinalWatchers(record, told);
  callFreeWatchers(record, told);
}

/** Calls whoever waits for a moment of an ended run that has passed. */
export function callPassedWatchers(record: RunRecord): void {
  callFinalWatchers(record);
  if (!record.active) callFreeWatchers(record);
}

/** Calls whoever waits for the run's id. */
export function callFreeWatchers(record: RunRecord, told?: Run): void {
  const callbacks = record.rare?.freeWatchers;
  if (!record.rare || !callbacks) return;
  record.rare.freeWatchers = undefined;
  const ended = told ?? record.snapshot();
  for (const callback of callbacks) callback(ended);
}
