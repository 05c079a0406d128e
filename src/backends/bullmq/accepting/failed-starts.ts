import type { Clock } from '../../../ports/clock.js';
import type { Claim } from '../book/book.js';
import { oneByOne } from '../keeping/one-by-one.js';
import type { RunReader } from '../runs/run-reader.js';
import type { FleetServer } from '../server/fleet-server.js';

/** What a start has claimed, as far as it is to be taken back. */
export type Unaccepted = Pick<Claim, 'id' | 'place' | 'key' | 'redrives'>;

/** What {@link FailedStarts} works with. */
export interface FailedStartParts {
  readonly server: FleetServer;
  readonly clock: Clock;
  readonly reader: Pick<RunReader, 'see'>;
}

/** A job that was not added so long after its start has failed will not be any more, in ms. */
const SURELY_FAILED_MS = 10_000;
/** How many are remembered: while a server fails, starts do. */
const MOST = 10_000;

/**
 * Starts of this process that were placed, and whose jobs could not be added: perhaps they were, and only the answer was
 * lost. Where they were not, nobody would ever look for their places again.
 */
export class FailedStarts {
  readonly #parts: FailedStartParts;
  /** When each has failed, the oldest first. */
  readonly #failed = new Map<Unaccepted, number>();

  constructor(parts: FailedStartParts) {
    this.#parts = parts;
  }

  add(start: Unaccepted): void {
    this.#failed.set(start, this.#parts.clock.monotonic());
    const [oldest] = this.#failed.keys();
    if (this.#failed.size > MOST && oldest !== undefined) this.#failed.delete(oldest);
  }

  /** Takes back those that have failed for sure. @throws {TaskError} BACKEND: then it is to be called again. */
  async takeBack(): Promise<void> {
    const before = this.#parts.clock.monotonic() - SURELY_FAILED_MS;
    const old = [...this.#failed].filter(([, failedAt]) => failedAt <= before);
    await oneByOne(old, async ([start]) => {
      const { book } = this.#parts.server;
      if ((await this.#parts.reader.see(start.place)) === undefined) await book.unclaim(start);
      this.#failed.delete(start);
    });
  }
}
