import type { FleetServer } from '../server/fleet-server.js';
import type { FleetLease } from './fleet-lease.js';

const NO_STEPS: ReadonlyMap<string, string> = new Map();

/** What the steps of the runs at work here have come to: kept in the book, until the runs end. */
export class Steps {
  readonly #server: FleetServer;

  constructor(server: FleetServer) {
    this.#server = server;
  }

  /** Nothing is asked for a run that was never delivered before, and has kept none. @throws {TaskError} BACKEND */
  async of({ isCurrent, hasSteps, delivery }: FleetLease): Promise<ReadonlyMap<string, string>> {
    return isCurrent && hasSteps ? this.#server.book.stepsOf(delivery.jobId) : NO_STEPS;
  }

  /** @returns the text that is kept; undefined where the lease no longer counts. @throws {TaskError} BACKEND */
  async keep(lease: FleetLease, key: string, text: string): Promise<string | undefined> {
    if (!lease.isCurrent) return undefined;
    // Before it is answered: the run may end first, and nothing is to be left of it.
    lease.hasSteps = true;
    const { lane, jobId, number, stalls } = lease.delivery;
    const kept = await this.#server.book.keepStep(lane.name, jobId, number, { key, text, stalls });
    return kept ?? undefined;
  }
}
