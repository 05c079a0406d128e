import type { Clock, Timer } from '../ports/clock.js';

/** How long it is gathered which runs are gone, in milliseconds. */
const GATHER_MS = 60_000;
/** Of so many it is told at once. */
const MOST = 10_000;

/**
 * Gathers the ids of runs whose records are gone, for whoever looks through a folder for their files: once for many.
 * Housekeeping: its timer does not keep the process up.
 */
export class GoneRuns {
  readonly #clock: Clock;
  readonly #onGathered: (ids: ReadonlySet<string>) => void;
  #ids = new Set<string>();
  #timer: Timer | undefined;

  constructor(clock: Clock, onGathered: (ids: ReadonlySet<string>) => void) {
    this.#clock = clock;
    this.#onGathered = onGathered;
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size >= MOST) this.#tell();
    else if (this.#timer === undefined) {
      this.#timer = this.#clock.after(GATHER_MS, () => this.#tell());
      this.#timer.unref();
    }
  }

  /** Forgets those that it has not told of. */
  close(): void {
    this.#timer?.cancel();
  }

  #tell(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const ids = this.#ids;
    this.#ids = new Set();
    this.#onGathered(ids);
  }
}
