import type { WorkOptions } from '../../../ports/backend.js';
import type { FleetLane } from './fleet-lane.js';
import type { FleetServer } from '../server/fleet-server.js';
import type { JobMoves } from './job-moves.js';
import { readNext } from './next-job.js';

/** What the server has answered to the question for a job: see `readNext` and `Taken`. */
export interface TakeAnswer {
  readonly token: string;
  readonly next: readonly unknown[];
  readonly doubt: number;
  readonly askedAt: number;
}

/** Asks the server for jobs, each with a token of its own. */
export class JobTaker {
  readonly #server: FleetServer;
  readonly #moves: JobMoves;
  #tokens = 0;

  constructor({ server, moves }: { readonly server: FleetServer; readonly moves: JobMoves }) {
    this.#server = server;
    this.#moves = moves;
  }

  /**
   * Takes the next job of a lane, where there is one; before the first, the lane is told its limits.
   *
   * @throws {TaskError} BACKEND
   */
  async take(lane: FleetLane, limitsOf: WorkOptions['limitsOf']): Promise<TakeAnswer> {
    this.#tokens += 1;
    const token = `${this.#server.processId}:${this.#tokens.toString(36)}`;
    const limiting = limitsOf && limit(lane, limitsOf);
    if (limiting) await limiting;
    const { moved, ...told } = await lane.take(() => this.#ask(lane, token));
    return { token, next: moved, ...told };
  }

  #ask(lane: FleetLane, token: string): Promise<readonly unknown[]> {
    const moving: { answer?: Promise<unknown[]> } = {};
    const asked = this.#server.call('take a run', () => (moving.answer = lane.queue.jobs.moveToActive(token)));
    asked.catch(() => {
      // An answer that comes too late: the job is locked, and nobody would begin it.
      moving.answer?.then(
        (late) => {
          const { job } = readNext(late);
          if (job) this.#moves.giveBack({ lane, jobId: job.id, token }).catch(() => undefined);
        },
        () => undefined,
      );
    });
    return asked;
  }
}

/** Items of imports hold slots of their process only, and nobody else has its functions. */
function limit(
  { id: { kind, task }, limits }: FleetLane,
  limitsOf: NonNullable<WorkOptions['limitsOf']>,
): Promise<void> | undefined {
  return kind === 'run' && task !== null ? limits.keep(limitsOf(task) ?? {}) : undefined;
}
