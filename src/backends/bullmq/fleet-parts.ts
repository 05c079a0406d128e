import type { BackendEnvironment } from '../../ports/backend.js';
import { Acceptance } from './accepting/acceptance.js';
import { FailedStarts } from './accepting/failed-starts.js';
import type { BullmqSettings } from './bullmq-options.js';
import type { KeptCancel } from './book/book.js';
import { Cancelling } from './keeping/cancelling.js';
import { FleetCounts } from './runs/fleet-counts.js';
import { FleetRetention } from './keeping/fleet-retention.js';
import type { FleetMessage, FleetServer } from './server/fleet-server.js';
import { Holding } from './delivering/holding.js';
import { Housekeeping } from './keeping/housekeeping.js';
import { JobMoves } from './delivering/job-moves.js';
import { Lanes } from './delivering/lanes.js';
import { Leases } from './delivering/leases.js';
import { Lending } from './delivering/lending.js';
import { PickUp } from './delivering/pick-up.js';
import { Pumps } from './delivering/pumps.js';
import { QueueLimit } from './accepting/queue-limit.js';
import { RunEnds } from './delivering/run-ends.js';
import { RunReader } from './runs/run-reader.js';
import { Settling } from './delivering/settling.js';
import { Steps } from './delivering/steps.js';
import { WaitingEnds } from './keeping/waiting-ends.js';
import type { ReadRuns } from './telling/following.js';
import { Telling } from './telling/telling.js';

/** A process is dead that was silent for so many times what its leases last: what waits for it alone waits in vain. */
const PROCESS_LASTS = 3;

/** How long a process that leaves waits for jobs on their way to it, in ms. */
const LEAVING_MS = 400;

/** What the parts are built on. */
export interface FleetGround {
  readonly server: FleetServer;
  readonly environment: BackendEnvironment;
  readonly settings: BullmqSettings;
}

/** Everything that there is while the backend is open, wired. */
export class FleetParts {
  readonly server: FleetServer;
  readonly leases: Leases;
  readonly moves: JobMoves;
  readonly lanes: Lanes;
  readonly reader: RunReader;
  readonly counts: FleetCounts;
  readonly acceptance: Acceptance;
  readonly telling: Telling;
  readonly pumps: Pumps;
  readonly settling: Settling;
  readonly steps: Steps;
  readonly lending: Lending;
  readonly holding: Holding;
  readonly housekeeping: Housekeeping;
  readonly cancelling: Cancelling;

  constructor({ server, environment, settings }: FleetGround) {
    const { clock, logger } = environment;
    const { lockMs } = settings;
    this.server = server;
    this.moves = new JobMoves({ server, clock });
    this.lending = new Lending({ server, clock, moves: this.moves });
    this.leases = new Leases({ server, clock, lockMs, renewed: (lease) => this.lending.renewed(lease) });
    const heldHere = (jobId: string) => this.leases.of(jobId)?.run;
    this.reader = new RunReader({ server, clock, heldHere });
    this.counts = new FleetCounts({ server, clock });
    this.lanes = new Lanes(server, (lane) => this.pumps.add(lane));
    this.telling = new Telling({
      clock,
      server,
      read: (ids) => this.#read(ids),
      holds: (jobId) => this.leases.of(jobId) !== undefined,
    });
    const { moves, leases, lending } = this;
    const working = { server, environment, moves, leases, lending, teller: this.telling, lockMs };
    const ends = new RunEnds(working);
    this.pumps = new Pumps({
      ...{ server, clock, logger, moves: this.moves, isPaused: this.lanes.isPaused },
      pickUp: (taken, options) => pickUp.pickUp(taken, options),
    });
    this.settling = new Settling({ ...working, ends, next: this.pumps });
    this.steps = new Steps({ server, moves });
    this.holding = new Holding({ ...working, ends });
    const pickUp = new PickUp({ ...working, ends, settling: this.settling });
    const limit = new QueueLimit(environment, () => this.counts.waiting());
    const failed = new FailedStarts({ server, clock, reader: this.reader });
    this.acceptance = new Acceptance({
      ...{ server, environment, reader: this.reader, limit, failed },
      useLane: (lane) => this.lanes.use(lane),
      tell: (run, change) => this.telling.tell(run, change),
    });
    const { reader, telling: teller } = this;
    const waitingEnds = new WaitingEnds({ server, environment, teller });
    const keeping = { server, environment, reader, ends: waitingEnds };
    const cancelHere = (jobId: string, cancel: KeptCancel) => this.leases.of(jobId)?.cancelled(cancel);
    this.cancelling = new Cancelling({ ...keeping, teller, cancelHere });
    this.housekeeping = new Housekeeping({
      ...{ ...keeping, cancelling: this.cancelling, retention: new FleetRetention(keeping) },
      stalledCheckMs: settings.stalledCheckMs,
      lockMs,
      processLastsMs: PROCESS_LASTS * lockMs,
      failedStarts: failed,
      lanes: () => this.lanes.names,
      onHead: (head) => this.lanes.see(head),
    });
    server.onMessage((message) => this.#hear(message));
  }

  /** @throws {TaskError} BACKEND */
  async open(): Promise<void> {
    this.leases.open();
    await this.housekeeping.open();
    this.server.publish({ type: 'here', process: this.server.processId });
  }

  /** Ends within the deadlines of its calls, whatever the server does. */
  async close(): Promise<void> {
    this.pumps.stop();
    this.acceptance.close();
    this.housekeeping.close();
    this.telling.close();
    this.lending.close();
    this.leases.close();
    // A job that is on its way here is given back: nobody would begin it before its lock has run out, as after a crash.
    await this.pumps.underWay.settled(LEAVING_MS);
    this.moves.close();
    await this.server.close();
  }

  /** One that cannot be read keeps nobody from the others. */
  async #read(ids: readonly string[]): Promise<ReadRuns> {
    const places = await this.server.book.placesOf(ids);
    const read = await Promise.allSettled(
      places.map(async (place) => (place === undefined ? [] : this.reader.read([place]))),
    );
    const runs = read.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    return {
      runs: runs.filter((run) => run !== undefined),
      unread: ids.filter((_, at) => read[at]?.status === 'rejected'),
    };
  }

  #hear(message: FleetMessage): void {
    if (message.type === 'cancel') this.leases.of(message.jobId)?.cancelled(message.cancel);
    if (message.type === 'lane') {
      this.lanes.get(message.lane);
      this.pumps.look(message.lane);
      this.lending.look(message.lane);
    }
    if (message.type !== 'pause') return;
    this.lanes.heardPause(message.queue, message.paused);
    this.pumps.wake();
  }
}
