import type { Moment, Watcher } from '../../../ports/backend.js';
import type { Clock } from '../../../ports/clock.js';
import { isFinalEvent, type RunChange, type RunEvent } from '../../../task/run-event.js';
import { isFinal } from '../../../task/status.js';
import { changeNow } from './change-now.js';
import { EventPost } from './event-post.js';
import type { FleetRun } from '../runs/fleet-run.js';
import type { FleetMessage, FleetServer } from '../server/fleet-server.js';
import { Following, type FollowingParts } from './following.js';
import { type EventListener, type Interest, Interests } from './interests.js';
import { goneRun } from './gone-run.js';
import { Lately } from './lately.js';

/** Of how many runs it is remembered what was told last, and that they have ended. */
const MAX_REMEMBERED = 10_000;
/** A run that was just accepted may not be found yet: it is gone when it was not found so often in a row. */
const MAX_MISSED = 2;

/** What {@link Telling} works with. */
export interface TellingParts extends Pick<FollowingParts, 'read' | 'holds'> {
  readonly clock: Clock;
  readonly server: FleetServer;
}

/**
 * Tells what becomes of runs: whoever watches or listens in this process at once, those of other processes by messages.
 * Of each run an event is told once, and none after one with a higher `seq`, whoever of the fleet it comes from. A lost
 * message delays what it says by seconds; progress and lines of a log that it says are lost.
 */
export class Telling {
  readonly #clock: Clock;
  readonly #processId: string;
  readonly #listeners = new Set<EventListener>();
  readonly #interests = new Interests();
  readonly #post: EventPost;
  readonly #following: Following;
  /** The `seq` of the last event of each run, by its job; only while somebody listens to all. */
  readonly #told = new Lately<number>(MAX_REMEMBERED);
  /** The jobs of runs that have ended: who asks for one later is told at once. */
  readonly #ended = new Lately<true>(MAX_REMEMBERED);

  constructor({ clock, server, read, holds }: TellingParts) {
    this.#clock = clock;
    this.#processId = server.processId;
    this.#post = new EventPost(server, clock);
    this.#following = new Following({
      clock,
      read,
      // Its lease is let go of a little after its end is told.
      holds: (jobId) => holds(jobId) && this.#ended.get(jobId) === undefined,
      interests: this.#interests,
      isWanted: () => this.#listeners.size > 0 || this.#interests.size > 0,
      listen: (forMs) => server.publish({ type: 'listening', process: this.#processId, forMs }),
      onRead: (interest, found) => this.#onRead(interest, found),
    });
    server.onMessage((message) => this.#hear(message));
    server.onBack(() => {
      this.#interests.allSoon();
      this.#following.read();
    });
  }

  /** Tells of a change that the server has confirmed; the run's version is already that of the change. */
  tell(run: FleetRun, change: RunChange): void {
    const { jobId } = run.origin;
    const isWanted = this.#post.isWanted;
    if (!isWanted && this.#listeners.size === 0 && this.#interests.get(jobId) === undefined) return;
    const event = this.#eventOf(run, change);
    if (isWanted) this.#post.tell(jobId, event);
    this.#deliver(jobId, event);
  }

  /** The run has ended, and that was told: calls those who wait for it. */
  ended(run: FleetRun): void {
    const { jobId } = run.origin;
    this.#ended.set(jobId, true);
    const interest = this.#interests.get(jobId);
    if (interest) this.#settle(interest, run);
  }

  /** The run had ended with its handler at work, which has settled now. */
  freed(run: FleetRun): void {
    const { jobId } = run.origin;
    if (this.#post.isWanted) this.#post.freed(jobId);
    const interest = this.#interests.get(jobId);
    if (!interest) return;
    interest.call('free', run.snapshot());
    this.#interests.tidy(interest);
  }

  /** As the port's. */
  watch(run: FleetRun, moment: Moment, callback: Watcher): void {
    const { status, active } = run.state;
    if (isFinal(status) && (moment === 'final' || !active)) {
      callback(run.snapshot());
      return;
    }
    const interest = this.#interests.of(run);
    interest.watch(moment, callback);
    this.#following.start();
    if (this.#ended.get(run.origin.jobId) === undefined) return;
    // Since this run was read.
    this.#interests.soon(interest);
    this.#following.read();
  }

  /** As the port's. */
  unwatch(run: FleetRun, moment: Moment, callback: Watcher): void {
    const interest = this.#interests.get(run.origin.jobId);
    if (!interest) return;
    interest.unwatch(moment, callback);
    this.#interests.tidy(interest);
  }

  /** As the port's. */
  subscribe(run: FleetRun | null, listener: EventListener): () => void {
    const own: EventListener = (event) => listener(event); // the same listener may be added twice
    const interest = run === null ? undefined : this.#interests.of(run);
    const listeners = interest?.listeners ?? this.#listeners;
    listeners.add(own);
    this.#following.start();
    return () => {
      listeners.delete(own);
      if (interest) this.#interests.tidy(interest);
      else if (this.#listeners.size === 0) this.#told.clear();
    };
  }

  /** Sends what is to be told, and tells everybody who waits how the runs are now. */
  close(): void {
    this.#post.flush();
    this.#following.close();
    for (const interest of [...this.#interests.all()]) {
      const run = interest.run.snapshot();
      interest.call('final', run);
      interest.call('free', run);
    }
    this.#interests.clear();
    this.#listeners.clear();
    this.#told.clear();
  }

  #eventOf(run: FleetRun, change: RunChange): RunEvent {
    const { version, status, attempt } = run.state;
    const { id: runId, task, tags } = run;
    return { seq: version, at: this.#clock.now(), runId, task, tags, status, attempt, ...change };
  }

  #hear(message: FleetMessage): void {
    if (message.type === 'here' && message.process !== this.#processId) this.#following.repeat();
    if (message.type === 'listening' && message.process !== this.#processId)
      this.#post.listens(message.process, message.forMs);
    if (message.type !== 'events' || message.process === this.#processId) return;
    for (const [at, event] of message.events.entries()) this.#hearEvent(message.jobIds[at], event);
    for (const jobId of message.freed) this.#readSoon(jobId);
    this.#following.read();
  }

  #hearEvent(jobId: string | undefined, event: RunEvent): void {
    if (jobId === undefined) return;
    this.#deliver(jobId, event);
    if (!isFinalEvent(event)) return;
    this.#ended.set(jobId, true);
    this.#readSoon(jobId);
  }

  /** Those who wait are told how it ended, which no event says. */
  #readSoon(jobId: string): void {
    const interest = this.#interests.get(jobId);
    if (interest?.isWatched) this.#interests.soon(interest);
  }

  #deliver(jobId: string, event: RunEvent): void {
    const interest = this.#interests.get(jobId);
    if (event.seq <= Math.max(interest?.seq ?? -1, this.#told.get(jobId) ?? -1)) return;
    if (interest) {
      interest.seq = event.seq;
      interest.last = event;
    }
    if (this.#listeners.size > 0) this.#told.set(jobId, event.seq);
    for (const listener of this.#listeners) listener(event);
    for (const listener of interest?.listeners ?? []) listener(event);
  }

  #onRead(interest: Interest, found: FleetRun | undefined): boolean {
    const { jobId } = interest.run.origin;
    if (this.#interests.get(jobId) !== interest) return false;
    interest.missed = found === undefined ? interest.missed + 1 : 0;
    if (found?.origin.jobId === jobId) return this.#learn(interest, found);
    if (found === undefined && interest.missed < MAX_MISSED) return false;
    return this.#learn(interest, goneRun(interest, this.#clock.now()));
  }

  /** Tells what was missed: where the run has come to; not what happened on the way. @returns whether anything was. */
  #learn(interest: Interest, run: FleetRun): boolean {
    const { state } = run;
    const before = interest.last ?? interest.run.state;
    if (state.version > interest.run.state.version) interest.run = run;
    const isNews = before.status !== state.status || before.attempt !== state.attempt;
    if (isNews && !isFinal(before.status)) this.#deliver(run.origin.jobId, this.#eventOf(run, changeNow(run)));
    if (isFinal(state.status)) this.#settle(interest, run);
    return isNews;
  }

  #settle(interest: Interest, run: FleetRun): void {
    interest.run = run;
    const ended = run.snapshot();
    interest.call('final', ended);
    if (!run.state.active) interest.call('free', ended);
    this.#interests.tidy(interest);
  }
}
