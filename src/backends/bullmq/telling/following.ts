import type { Clock, Timer } from '../../../ports/clock.js';
import type { FleetRun } from '../runs/fleet-run.js';
import type { Interest, Interests } from './interests.js';

const TICK_MS = 250;
/** Every how many ticks the others are told again that this process listens; and for how long it does so in vain. */
const RENEW = 20;
/** For how long the others believe it, in ms: two renewals may be lost. */
const LISTEN_MS = 15_000;

/** What was read of runs. */
export interface ReadRuns {
  /** In any order; those that are not there are left out. */
  readonly runs: readonly FleetRun[];
  /** The ids of those that could not be read: because they change too fast, or are written as only a newer Errand reads. */
  readonly unread: readonly string[];
}

/** What {@link Following} works with. */
export interface FollowingParts {
  readonly clock: Clock;
  readonly interests: Interests;
  /** Whether anybody of this process wants to know anything. */
  readonly isWanted: () => boolean;
  /** Tells the others that this process listens for so long from now on, in ms; 0: no longer. */
  readonly listen: (forMs: number) => void;
  /** The runs with these ids, as they are now. Rejects where the server does not answer. */
  readonly read: (ids: readonly string[]) => Promise<ReadRuns>;
  /** Whether the job is this process's own, so that what becomes of it is known first here. */
  readonly holds: (jobId: string) => boolean;
  /** A run was looked for. Must not throw. @returns whether it had changed. */
  readonly onRead: (interest: Interest, found: FleetRun | undefined) => boolean;
}

/**
 * Keeps up with the runs of other processes: asks to be told their events, and reads the runs again, because what is
 * told may be lost. It has a timer only while anybody wants to know, and keeps no process up.
 */
export class Following {
  readonly #parts: FollowingParts;
  #timer: Timer | undefined;
  #ticks = 0;
  #inVain = 0;
  #reading = false;
  #closed = false;

  constructor(parts: FollowingParts) {
    this.#parts = parts;
  }

  /** Somebody wants to know something. */
  start(): void {
    this.#inVain = 0;
    if (this.#timer !== undefined || this.#closed) return;
    this.#ticks = 0;
    this.#parts.listen(LISTEN_MS);
    this.#wait();
  }

  /** There is somebody who has not heard yet that this process listens, if it does. */
  repeat(): void {
    if (this.#timer !== undefined) this.#parts.listen(LISTEN_MS);
  }

  /** Reads what is to be read soon. */
  read(): void {
    if (this.#reading || this.#closed) return;
    const interests = this.#parts.interests.take().filter(({ run }) => !this.#parts.holds(run.origin.jobId));
    if (interests.length === 0) return;
    this.#reading = true;
    void this.#readAll(interests).then((answered) => {
      this.#reading = false;
      if (answered) this.read();
    });
  }

  close(): void {
    if (this.#timer !== undefined) this.#parts.listen(0);
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): void {
    this.#timer = this.#parts.clock.after(TICK_MS, () => this.#onTick());
    this.#timer.unref();
  }

  #onTick(): void {
    this.#timer = undefined;
    this.#ticks++;
    this.#inVain = this.#parts.isWanted() ? 0 : this.#inVain + 1;
    if (this.#inVain > RENEW) {
      this.#parts.listen(0);
      return;
    }
    if (this.#ticks % RENEW === 0) this.#parts.listen(LISTEN_MS);
    this.#parts.interests.tick();
    this.read();
    this.#wait();
  }

  /** @returns false where not all was answered: the next tick tries again, and nobody else is kept waiting for that. */
  async #readAll(interests: readonly Interest[]): Promise<boolean> {
    const ids = [...new Set(interests.map(({ run }) => run.id))];
    const { runs, unread } = await this.#parts.read(ids).catch(() => ({ runs: [], unread: ids }));
    const left = new Set(unread);
    if (!this.#closed)
      this.#onRead(
        interests.filter(({ run }) => !left.has(run.id)),
        runs,
      );
    for (const interest of interests) if (left.has(interest.run.id)) this.#parts.interests.soon(interest);
    return left.size === 0;
  }

  #onRead(interests: readonly Interest[], runs: readonly FleetRun[]): void {
    const found = new Map(runs.map((run) => [run.id, run]));
    const untold = new Set(interests.filter(({ isToldEnded }) => !isToldEnded));
    let changed = 0;
    for (const interest of interests)
      if (this.#parts.onRead(interest, found.get(interest.run.id)) && untold.has(interest)) changed += 1;
    this.#parts.interests.learned(untold.size, changed);
  }
}
