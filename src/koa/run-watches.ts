import type { Clock, Timer } from '../ports/clock.js';
import type { Run } from '../task/run.js';
import { isFinal } from '../task/status.js';
import { RunWatch } from './run-watch.js';
import type { TaskService } from './task-service.js';

/** How long a run is watched on after its last client has left, so that one that comes back misses nothing. */
const KEEP_MS = 60_000;
/** How many runs are watched for clients that may come back. */
const MAX_KEPT = 1_000;

/** What {@link RunWatches} is made with. */
export interface RunWatchesOptions {
  readonly manager: Pick<TaskService, 'handle'>;
  readonly clock: Clock;
  readonly exposeErrors: boolean;
}

interface Kept {
  readonly watch: RunWatch;
  clients: number;
  timer: Timer | undefined;
}

/** The runs that clients watch, or watched a moment ago. */
export class RunWatches {
  readonly #options: RunWatchesOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: RunWatchesOptions) {
    this.#options = options;
  }

  /** Begins to watch a run, or joins those that do. Give it back with {@link release}. */
  acquire(run: Run): RunWatch {
    const kept = this.#kept.get(run.id);
    if (kept && (kept.watch.broken || !isOf(kept.watch, run))) this.#drop(run.id, kept);
    const joined = this.#kept.get(run.id) ?? this.#begin(run);
    joined.clients += 1;
    joined.timer?.cancel();
    joined.timer = undefined;
    return joined.watch;
  }

  /** A client of this watch has left. */
  release(id: string, watch: RunWatch): void {
    const kept = this.#kept.get(id);
    if (kept?.watch !== watch) {
      if (watch.journal.readers === 0) watch.stop();
      return;
    }
    kept.clients -= 1;
    if (kept.clients > 0) return;
    if (watch.journal.ended && watch.journal.end === 0) this.#drop(id, kept);
    else this.#keepForAWhile(id, kept);
  }

  #begin(run: Run): Kept {
    const { manager, exposeErrors } = this.#options;
    const begun = { watch: new RunWatch(run, manager.handle(run.id), exposeErrors), clients: 0, timer: undefined };
    if (this.#kept.size < MAX_KEPT || this.#evict()) this.#kept.set(run.id, begun);
    return begun;
  }

  #keepForAWhile(id: string, kept: Kept): void {
    this.#kept.delete(id);
    this.#kept.set(id, kept); // last in line for eviction
    kept.timer = this.#options.clock.after(KEEP_MS, () => this.#drop(id, kept));
    kept.timer.unref();
  }

  /** Drops the run whose clients left first; false when each one has clients. */
  #evict(): boolean {
    for (const [id, kept] of this.#kept) {
      if (kept.clients > 0) continue;
      this.#drop(id, kept);
      return true;
    }
    return false;
  }

  #drop(id: string, kept: Kept): void {
    kept.timer?.cancel();
    this.#kept.delete(id);
    if (kept.watch.journal.readers === 0) kept.watch.stop();
  }
}

/**
 * Not when another run has taken the id since. That has a higher version from the beginning, and another one when it
 * ends; of a run that has ended only a redrive raises it, once.
 */
export function isOf(watch: RunWatch, run: Run): boolean {
  if (watch.createdAt !== run.createdAt) return false;
  const { final } = watch;
  return final === undefined || (isFinal(run.status) && run.version <= final.version + 1);
}
