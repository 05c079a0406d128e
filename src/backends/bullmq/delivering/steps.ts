import type { FleetServer } from '../server/fleet-server.js';
import type { FleetLease } from './fleet-lease.js';
import type { JobMoves } from './job-moves.js';

const NO_STEPS: ReadonlyMap<string, string> = new Map();

/** What {@link Steps} work with. */
export interface StepsParts {
  readonly server: FleetServer;
  readonly moves: JobMoves;
}

/**
 * What the steps of the runs at work here have come to: kept in the book, until the runs end. A server that does not answer
 * is asked until it does, or the lease is lost: a run must not fail because the server was restarted.
 */
export class Steps {
  readonly #parts: StepsParts;

  constructor(parts: StepsParts) {
    this.#parts = parts;
  }

  /**
   * Nothing is asked for a run that was never delivered before, and has kept none.
   *
   * @throws {TaskError} BACKEND when this process closes before the server answers.
   */
  async of(lease: FleetLease): Promise<ReadonlyMap<string, string>> {
    const { server, moves } = this.#parts;
    return moves.answered('read steps', async () =>
      lease.isCurrent && lease.hasSteps ? server.book.stepsOf(lease.delivery.jobId) : NO_STEPS,
    );
  }

  /**
   * @returns the text that is kept; undefined where the lease no longer counts. @throws {TaskError} BACKEND when this process
   * closes before the server answers.
   */
  async keep(lease: FleetLease, key: string, text: string): Promise<string | undefined> {
    if (!lease.isCurrent) return undefined;
    // Before it is answered: the run may end first, and nothing is to be left of it.
    lease.hasSteps = true;
    const { server, moves } = this.#parts;
    const { lane, jobId, number, stalls } = lease.delivery;
    const kept = await moves.answered('keep a step', async () =>
      lease.isCurrent ? server.book.keepStep(lane.name, jobId, number, { key, text, stalls }) : null,
    );
    return kept ?? undefined;
  }
}
