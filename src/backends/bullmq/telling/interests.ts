import type { Moment, Watcher } from '../../../ports/backend.js';
import type { Run } from '../../../task/run.js';
import { isFinalEvent, type RunEvent } from '../../../task/run-event.js';
import type { FleetRun } from '../runs/fleet-run.js';

/** Told what happens. Must not throw. */
export type EventListener = (event: RunEvent) => void;

/** How many runs are read again at a time. */
const BATCH = 500;
/** How many runs are read again between two ticks, over a long time, and where that has brought no news. */
const EACH_TICK = 50;
/** What part of the runs that were read must have changed, for as many as possible to be read soon. */
const NEWS = 0.1;
/** After how many ticks a run is read again, where there are few. */
const REST = 20;

/** Who wants to know about one run, and what they know. */
export class Interest {
  /** As it was read, or is held, last. */
  run: FleetRun;
  /** Of the last event that was told. */
  seq: number;
  /** The last event that was told of it. */
  last: RunEvent | undefined;
  /** How often in a row it was not found. */
  missed = 0;
  /** When it was read last. */
  tick: number;
  readonly listeners = new Set<EventListener>();
  readonly #watchers: Record<Moment, Set<Watcher> | undefined> = { final: undefined, free: undefined };

  constructor(run: FleetRun, tick: number) {
    this.run = run;
    this.seq = run.state.version;
    this.tick = tick;
  }

  /** It is known that it has ended; it may be to be read all the same, for how. */
  get isToldEnded(): boolean {
    return this.last !== undefined && isFinalEvent(this.last);
  }

  get isWatched(): boolean {
    return this.#watchers.final !== undefined || this.#watchers.free !== undefined;
  }

  watch(moment: Moment, callback: Watcher): void {
    (this.#watchers[moment] ??= new Set()).add(callback);
  }

  unwatch(moment: Moment, callback: Watcher): void {
    const callbacks = this.#watchers[moment];
    callbacks?.delete(callback);
    if (callbacks?.size === 0) this.#watchers[moment] = undefined;
  }

  /** The moment has come. */
  call(moment: Moment, run: Run): void {
    const callbacks = this.#watchers[moment];
    this.#watchers[moment] = undefined;
    for (const callback of callbacks ?? []) callback(run);
  }
}

/**
 * The runs that somebody of this process wants to know about, by their jobs, and when each is to be read again. What is
 * told by others may be lost, so that everything is read again and again, but never so often that it burdens the server.
 */
export class Interests {
  readonly #interests = new Map<string, Interest>();
  /** To be read as soon as possible. */
  readonly #urgent = new Set<Interest>();
  /** Never read, in the order in which they came: most runs end before. */
  readonly #fresh = new Set<Interest>();
  /** The others, in the order in which they were read last. */
  readonly #line = new Set<Interest>();
  #tick = 0;
  /** How many that were never read are read with the next tick. */
  #freshMost = BATCH;

  get size(): number {
    return this.#interests.size;
  }

  get(jobId: string): Interest | undefined {
    return this.#interests.get(jobId);
  }

  all(): Iterable<Interest> {
    return this.#interests.values();
  }

  /** That in a run; made where there is none. It is read first when a tick or two are over. */
  of(run: FleetRun): Interest {
    const { jobId } = run.origin;
    let interest = this.#interests.get(jobId);
    if (interest === undefined) {
      interest = new Interest(run, this.#tick);
      this.#interests.set(jobId, interest);
      this.#fresh.add(interest);
    }
    return interest;
  }

  /** Nobody may be interested any more. */
  tidy(interest: Interest): void {
    if (interest.isWatched || interest.listeners.size > 0) return;
    // There may be another in the same run by now.
    if (this.#interests.get(interest.run.origin.jobId) !== interest) return;
    this.#interests.delete(interest.run.origin.jobId);
    for (const set of [this.#urgent, this.#fresh, this.#line]) set.delete(interest);
  }

  clear(): void {
    for (const set of [this.#interests, this.#urgent, this.#fresh, this.#line]) set.clear();
  }

  /** A tick is over: those whose time has come are to be read. */
  tick(): void {
    this.#tick++;
    const rest = Math.max(REST, Math.ceil(this.#line.size / EACH_TICK));
    this.#hurry(this.#fresh, { rest: 1, most: this.#freshMost });
    this.#hurry(this.#line, { rest, most: EACH_TICK });
  }

  /**
   * So many were read, and so many of them had changed without this process having been told. Runs mostly end in the order
   * in which they came: where those that were read still wait, so do those that came later.
   */
  learned(read: number, changed: number): void {
    if (read > 0) this.#freshMost = changed >= read * NEWS ? BATCH : EACH_TICK;
  }

  /** It has changed, as far as is known. */
  soon(interest: Interest): void {
    if (this.#interests.get(interest.run.origin.jobId) !== interest) return;
    this.#fresh.delete(interest);
    this.#line.delete(interest);
    this.#urgent.add(interest);
  }

  /** Anything may have changed. */
  allSoon(): void {
    for (const interest of this.#interests.values()) this.soon(interest);
  }

  /** Some of those that are to be read now; each of them is given once. */
  take(): Interest[] {
    const taken = [...this.#urgent].slice(0, BATCH);
    for (const interest of taken) {
      this.#urgent.delete(interest);
      interest.tick = this.#tick;
      this.#line.add(interest);
    }
    return taken;
  }

  #hurry(waiting: Set<Interest>, { rest, most }: { readonly rest: number; readonly most: number }): void {
    let left = Math.min(most, BATCH - this.#urgent.size);
    for (const interest of waiting) {
      if (this.#tick - interest.tick <= rest || left <= 0) break;
      this.soon(interest);
      left -= 1;
    }
  }
}
