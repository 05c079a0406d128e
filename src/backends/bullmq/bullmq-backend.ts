import type {
  Accepted,
  Backend,
  BackendEnvironment,
  MaybePromise,
  Moment,
  Outcome,
  RunFilter,
  StoredPage,
  StoredQueue,
  TaskCounts,
  Watcher,
  Worker,
  WorkOptions,
} from '../../ports/backend.js';
import type { Checkpoint } from '../../ports/checkpoint.js';
import type { NewRun } from '../../ports/new-run.js';
import type { StoredSchedule } from '../../ports/schedules.js';
import type { CancelledRequest, Progress, RunKind } from '../../task/run.js';
import type { LogLine, RunEvent } from '../../task/run-event.js';
import type { BullmqSettings } from './bullmq-options.js';
import type { FleetLease } from './delivering/fleet-lease.js';
import { FleetParts } from './fleet-parts.js';
import { childrenOf } from './runs/children.js';
import type { FleetRun } from './runs/fleet-run.js';
import type { FleetServer } from './server/fleet-server.js';

/**
 * Runs on a Redis or a PostgreSQL that many processes share, in queues of BullMQ's. A run is one of BullMQ's jobs; what
 * BullMQ cannot say of it stands in a book beside it, on the same server.
 *
 * A process that dies, or is silent for too long, loses the runs it holds to the others.
 */
export class BullmqBackend implements Backend {
  readonly name = 'bullmq';
  readonly durable = true;
  readonly shared = true;
  readonly #settings: BullmqSettings;
  readonly #makeServer: (environment: BackendEnvironment) => FleetServer;
  #parts: FleetParts | undefined;
  #storeId: string | null = null;

  constructor(settings: BullmqSettings, makeServer: (environment: BackendEnvironment) => FleetServer) {
    this.#settings = settings;
    this.#makeServer = makeServer;
  }

  get storeId(): string | null {
    return this.#storeId;
  }

  async open(environment: BackendEnvironment): Promise<void> {
    const server = this.#makeServer(environment);
    await server.open();
    try {
      const head = await server.book.open();
      this.#storeId = head.storeId;
      this.#parts = new FleetParts({ server, environment, settings: this.#settings });
      await this.#parts.open();
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async check(): Promise<void> {
    await this.#open.server.book.head();
  }

  accept(run: NewRun, ifActive: 'error' | 'return' | 'replace'): Promise<Accepted> {
    return this.#open.acceptance.accept(run, ifActive);
  }

  redrive(failed: FleetRun, run: NewRun): Promise<Accepted> {
    return this.#open.acceptance.redrive(failed, run);
  }

  schedules(): Promise<readonly StoredSchedule[]> {
    return this.#open.server.book.schedules();
  }

  saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean> {
    return this.#open.server.book.saveSchedule(schedule, expectedVersion);
  }

  removeSchedule(id: string): Promise<boolean> {
    return this.#open.server.book.removeSchedule(id);
  }

  acceptDue(run: NewRun, schedule: StoredSchedule, expectedVersion: number): Promise<Accepted | undefined> {
    return this.#open.acceptance.acceptDue(run, schedule, expectedVersion);
  }

  find(id: string): Promise<FleetRun | undefined> {
    return this.#open.reader.find(id);
  }

  list(filter: RunFilter): Promise<StoredPage> {
    return this.#open.reader.list(filter);
  }

  counts(): Promise<readonly TaskCounts[]> {
    return this.#open.counts.tasks();
  }

  runsOf(kind: RunKind): Promise<readonly FleetRun[]> {
    return this.#open.reader.runsOf(kind);
  }

  cancel(id: string, request: CancelledRequest, ordinal?: number): Promise<FleetRun | undefined> {
    return this.#open.cancelling.cancel(id, request, ordinal);
  }

  childrenOf(parent: FleetRun, which: 'all' | 'unended'): Promise<readonly FleetRun[]> {
    return childrenOf(this.#open, parent, which);
  }

  pause(queue: string): Promise<void> {
    return this.#open.lanes.pause(queue, true);
  }

  async resume(queue: string): Promise<void> {
    await this.#open.lanes.pause(queue, false);
    this.#open.pumps.wake();
  }

  queues(): Promise<readonly StoredQueue[]> {
    return this.#open.counts.queues();
  }

  work(options: WorkOptions): Worker {
    return this.#open.pumps.work(options);
  }

  settle(lease: FleetLease, outcome: Outcome, held: boolean): Promise<boolean> {
    const { settling, holding } = this.#open;
    return held ? holding.hold(lease, outcome) : settling.settle(lease, outcome);
  }

  release(lease: FleetLease): Promise<void> {
    return this.#open.holding.release(lease);
  }

  checkpoint(lease: FleetLease, checkpoint: Checkpoint): Promise<boolean> {
    return this.#open.settling.checkpoint(lease, checkpoint);
  }

  stepsOf(lease: FleetLease): Promise<ReadonlyMap<string, string>> {
    return this.#open.steps.of(lease);
  }

  keepStep(lease: FleetLease, key: string, text: string): Promise<string | undefined> {
    return this.#open.steps.keep(lease, key, text);
  }

  lend(lease: FleetLease): Promise<void> {
    return this.#open.lending.lend(lease);
  }

  takeBack(lease: FleetLease, signal: AbortSignal): Promise<void> {
    return this.#open.lending.takeBack(lease, signal);
  }

  progress(lease: FleetLease, progress: Progress): void {
    this.#open.settling.progress(lease, progress);
  }

  log(lease: FleetLease, line: LogLine): void {
    this.#open.settling.log(lease, line);
  }

  watch(run: FleetRun, moment: Moment, callback: Watcher): void {
    this.#open.telling.watch(run, moment, callback);
  }

  unwatch(run: FleetRun, moment: Moment, callback: Watcher): void {
    this.#open.telling.unwatch(run, moment, callback);
  }

  subscribe(run: FleetRun | null, listener: (event: RunEvent) => void): () => void {
    return this.#open.telling.subscribe(run, listener);
  }

  retire(): Promise<number> {
    this.#open.acceptance.close();
    return this.#open.counts.waitingWhenLeaving();
  }

  close(): MaybePromise<void> {
    return this.#parts?.close();
  }

  get #open(): FleetParts {
    if (this.#parts === undefined) throw new Error('the backend is used before it is open');
    return this.#parts;
  }
}
