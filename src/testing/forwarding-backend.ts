import type {
  Accepted,
  Backend,
  BackendEnvironment,
  Lease,
  MaybePromise,
  Moment,
  Outcome,
  RunFilter,
  StoredPage,
  StoredQueue,
  StoredRun,
  TaskCounts,
  Watcher,
  Worker,
  WorkOptions,
} from '../ports/backend.js';
import type { Checkpoint } from '../ports/checkpoint.js';
import type { NewRun } from '../ports/new-run.js';
import type { StoredSchedule } from '../ports/schedules.js';
import type { CancelledRequest, Progress, RunKind } from '../task/run.js';
import type { LogLine, RunEvent } from '../task/run-event.js';

/** A backend that passes everything on to another: what stands between a manager and its backend overrides a part. */
export class ForwardingBackend implements Backend {
  protected readonly real: Backend;

  constructor(real: Backend) {
    this.real = real;
  }

  get name(): string {
    return this.real.name;
  }

  get durable(): boolean {
    return this.real.durable;
  }

  get storeId(): string | null {
    return this.real.storeId;
  }

  get shared(): boolean {
    return this.real.shared === true;
  }

  open(environment: BackendEnvironment): MaybePromise<void> {
    return this.real.open(environment);
  }

  check(): MaybePromise<void> {
    return this.real.check?.();
  }

  accept(run: NewRun, ifActive: 'error' | 'return' | 'replace'): MaybePromise<Accepted> {
    return this.real.accept(run, ifActive);
  }

  redrive(failed: StoredRun, run: NewRun): MaybePromise<Accepted> {
    return this.real.redrive(failed, run);
  }

  schedules(): MaybePromise<readonly StoredSchedule[]> {
    return this.real.schedules();
  }

  saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): MaybePromise<boolean> {
    return this.real.saveSchedule(schedule, expectedVersion);
  }

  removeSchedule(id: string): MaybePromise<boolean> {
    return this.real.removeSchedule(id);
  }

  acceptDue(run: NewRun, schedule: StoredSchedule, expectedVersion: number): MaybePromise<Accepted | undefined> {
    return this.real.acceptDue(run, schedule, expectedVersion);
  }

  find(id: string): MaybePromise<StoredRun | undefined> {
    return this.real.find(id);
  }

  list(filter: RunFilter): MaybePromise<StoredPage> {
    return this.real.list(filter);
  }

  counts(): MaybePromise<readonly TaskCounts[]> {
    return this.real.counts();
  }

  runsOf(kind: RunKind): MaybePromise<readonly StoredRun[]> {
    return this.real.runsOf(kind);
  }

  childrenOf(parent: StoredRun, which: 'all' | 'unended'): MaybePromise<readonly StoredRun[]> {
    return this.real.childrenOf(parent, which);
  }

  cancel(id: string, request: CancelledRequest, ordinal?: number): MaybePromise<StoredRun | undefined> {
    return this.real.cancel(id, request, ordinal);
  }

  pause(queue: string): MaybePromise<void> {
    return this.real.pause(queue);
  }

  resume(queue: string): MaybePromise<void> {
    return this.real.resume(queue);
  }

  queues(): MaybePromise<readonly StoredQueue[]> {
    return this.real.queues();
  }

  work(options: WorkOptions): Worker {
    return this.real.work(options);
  }

  settle(lease: Lease, outcome: Outcome, held: boolean): MaybePromise<boolean> {
    return this.real.settle(lease, outcome, held);
  }

  release(lease: Lease): MaybePromise<void> {
    return this.real.release(lease);
  }

  checkpoint(lease: Lease, checkpoint: Checkpoint): MaybePromise<boolean> {
    return this.real.checkpoint(lease, checkpoint);
  }

  stepsOf(lease: Lease): MaybePromise<ReadonlyMap<string, string>> {
    return this.real.stepsOf(lease);
  }

  keepStep(lease: Lease, key: string, text: string): MaybePromise<string | undefined> {
    return this.real.keepStep(lease, key, text);
  }

  lend(lease: Lease): MaybePromise<void> {
    return this.real.lend?.(lease);
  }

  takeBack(lease: Lease, signal: AbortSignal): MaybePromise<void> {
    return this.real.takeBack?.(lease, signal);
  }

  progress(lease: Lease, progress: Progress): void {
    this.real.progress(lease, progress);
  }

  log(lease: Lease, line: LogLine): void {
    this.real.log(lease, line);
  }

  watch(run: StoredRun, moment: Moment, callback: Watcher): void {
    this.real.watch(run, moment, callback);
  }

  unwatch(run: StoredRun, moment: Moment, callback: Watcher): void {
    this.real.unwatch(run, moment, callback);
  }

  subscribe(run: StoredRun | null, listener: (event: RunEvent) => void): () => void {
    return this.real.subscribe(run, listener);
  }

  retire(): MaybePromise<number> {
    return this.real.retire();
  }

  close(): MaybePromise<void> {
    return this.real.close();
  }
}
