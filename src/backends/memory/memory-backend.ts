import type {
  Accepted,
  Backend,
  BackendEnvironment,
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
import { checkOptions } from '../../task/checks.js';
import { TaskError } from '../../task/errors.js';
import type { CancelledRequest, Progress, RunKind } from '../../task/run.js';
import type { LogLine, RunEvent } from '../../task/run-event.js';
import { isFinal, isWaiting } from '../../task/status.js';
import { weightOf } from '../../task/weight.js';
import { BackendParts } from './backend-parts.js';
import { MemoryBudget } from './memory-budget.js';
import { KeptSchedules } from '../live/kept-schedules.js';
import { idIsActive, isClosed, queueIsFull, refuseRedrive } from '../live/refusals.js';
import { unwatchRun, watchRun } from '../live/run-life.js';
import { type MemoryLease, RunRecord } from '../live/run-record.js';

/** What `memory` is made with. */
export interface MemoryOptions {
  /**
   * About how many bytes the inputs, steps and results of all runs may take together: at least 1, or `Infinity`. They are
   * estimated when they come: strings, arrays and plain objects with all that is in them; anything else counts for
   * next to nothing. Beyond this, ended runs go before their time, those that ended first to begin with, failed ones
   * last; where that makes no room, a start is refused with `QUEUE_FULL`. Default a quarter of what the heap may take.
   */
  readonly maxBytes?: number;
}

/**
 * Runs in the memory of this process: accepted means held by this process, and nothing outlives it.
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range.
 */
export function memoryBackend(options: MemoryOptions = {}): Backend {
  checkOptions("memory's options", options, ['maxBytes']);
  const { maxBytes = aQuarterOfTheHeap() } = options;
  return new MemoryBackend(new MemoryBudget(maxBytes));
}

class MemoryBackend implements Backend {
  readonly name = 'memory';
  readonly durable = false;
  readonly storeId = null;
  readonly #budget: MemoryBudget;
  readonly #schedules = new KeptSchedules();
  #parts: BackendParts | undefined;
  #ordinal = 0;
  #retired = false;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  open(environment: BackendEnvironment): void {
    this.#parts = new BackendParts(environment, this.#budget);
  }

  get #open(): BackendParts {
    if (this.#parts === undefined) throw new TaskError('BACKEND', 'The memory backend was used before it was opened');
    return this.#parts;
  }

  accept(run: NewRun, ifActive: 'error' | 'return' | 'replace'): Accepted {
    const { index, ended } = this.#open;
    if (this.#retired) throw isClosed();
    const known = run.idempotency === null ? undefined : ended.findByKey(run.owner, run.idempotency);
    if (known !== undefined) return { run: known, replayed: true };
    const namesake = run.idIsNew ? undefined : index.get(run.id);
    if (namesake?.active) {
      if (ifActive === 'return') return { run: namesake, replayed: true };
      if (ifActive === 'replace') this.#refuseIfFull(run, namesake);
      throw idIsActive(namesake);
    }
    return { run: this.#add(run, namesake), replayed: false };
  }

  redrive(failed: RunRecord, run: NewRun): Accepted {
    refuseRedrive(failed, failed.redrivenBy);
    const accepted = this.accept(run, 'error');
    failed.seldom.redrivenBy = run.id;
    failed.version += 1;
    return accepted;
  }

  schedules(): readonly StoredSchedule[] {
    return this.#schedules.all;
  }

  saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): boolean {
    if (!this.#schedules.isAt(schedule.id, expectedVersion)) return false;
    this.#schedules.put(schedule);
    return true;
  }

  removeSchedule(id: string): boolean {
    return this.#schedules.remove(id);
  }

  acceptDue(run: NewRun, schedule: StoredSchedule, expectedVersion: number): Accepted | undefined {
    if (!this.#schedules.isAt(schedule.id, expectedVersion)) return undefined;
    if (this.#retired) throw isClosed();
    const earlier = this.#open.index.get(run.id);
    const accepted = earlier === undefined ? this.accept(run, 'error') : { run: earlier, replayed: true };
    this.#schedules.put(schedule);
    return accepted;
  }

  #add(run: NewRun, namesake: RunRecord | undefined): RunRecord {
    const { environment, index, children, ended, dispatcher, course } = this.#open;
    const weight = this.#refuseIfFull(run);
    const record = new RunRecord(run, dispatcher.waiting.join(run), {
      ordinal: (this.#ordinal += 1),
      now: environment.clock.now(),
    });
    this.#budget.add(record, weight);
    ended.makeRoom();
    if (namesake !== undefined) {
      if (namesake.kept) ended.replace(namesake);
      // A reader of the old run's events must not take the new one's for those it knows.
      record.version = namesake.version + 1;
    }
    index.add(record, run.idIsNew);
    children.add(record);
    if (run.idempotency !== null) ended.claimKey(run.owner, run.idempotency, record);
    course.begin(record, run);
    return record;
  }

  /** @returns what the input of the run weighs. @param active the run that is to make room for it */
  #refuseIfFull({ input }: NewRun, active?: RunRecord): number {
    const { environment, life } = this.#open;
    const makesRoom = active !== undefined && isWaiting(active.status);
    if (life.waiting >= environment.queueLimit && !makesRoom) throw queueIsFull(environment.queueLimit);
    const weight = weightOf(input);
    this.#budget.refuseIfFull(weight, active);
    return weight;
  }

  find(id: string): RunRecord | undefined {
    return this.#open.index.get(id);
  }

  list(filter: RunFilter): StoredPage {
    return this.#open.index.page(filter);
  }

  counts(): readonly TaskCounts[] {
    return Array.from(this.#open.dispatcher.waiting.lanes, ({ task, counts }) => ({ task, counts }));
  }

  runsOf(kind: RunKind): readonly RunRecord[] {
    return [...this.#open.index.all()].filter((record) => record.kind === kind);
  }

  childrenOf(parent: RunRecord, which: 'all' | 'unended'): readonly RunRecord[] {
    const children = [...this.#open.children.of(parent)];
    return which === 'all' ? children : children.filter(({ status }) => !isFinal(status));
  }

  cancel(id: string, request: CancelledRequest, ordinal?: number): RunRecord | undefined {
    const record = this.#open.index.get(id);
    if (record === undefined || (ordinal !== undefined && record.ordinal !== ordinal)) return undefined;
    this.#open.course.cancel(record, request);
    return record;
  }

  pause(queue: string): void {
    this.#open.dispatcher.waiting.pause(queue);
  }

  resume(queue: string): void {
    this.#open.dispatcher.waiting.resume(queue);
    this.#open.dispatcher.wake();
  }

  queues(): readonly StoredQueue[] {
    return [...this.#open.dispatcher.waiting.queues].map(({ name, paused, queued }) => ({ name, paused, queued }));
  }

  work(options: WorkOptions): Worker {
    return this.#open.dispatcher.work(options);
  }

  settle(lease: MemoryLease, outcome: Outcome, held: boolean): boolean {
    return this.#open.course.settle(lease, outcome, held);
  }

  release(lease: MemoryLease): void {
    this.#open.course.release(lease);
  }

  progress(lease: MemoryLease, progress: Progress): void {
    this.#open.course.progress(lease, progress);
  }

  checkpoint(lease: MemoryLease, checkpoint: Checkpoint): boolean {
    return this.#open.course.checkpoint(lease, checkpoint);
  }

  stepsOf(lease: MemoryLease): ReadonlyMap<string, string> {
    return this.#open.steps.of(lease);
  }

  keepStep(lease: MemoryLease, key: string, text: string): string | undefined {
    return this.#open.steps.keep(lease, key, text);
  }

  log(lease: MemoryLease, line: LogLine): void {
    this.#open.course.log(lease, line);
  }

  watch(run: RunRecord, moment: Moment, callback: Watcher): void {
    watchRun(run, moment, callback);
  }

  unwatch(run: RunRecord, moment: Moment, callback: Watcher): void {
    unwatchRun(run, moment, callback);
  }

  subscribe(run: RunRecord | null, listener: (event: RunEvent) => void): () => void {
    return this.#open.life.listen(run, listener);
  }

  retire(): number {
    this.#retired = true;
    let waiting = 0;
    for (const record of this.#open.index.all()) {
      if (!isWaiting(record.status)) continue;
      waiting += 1;
      this.#open.course.cancel(record, { by: 'shutdown', reason: 'closed' });
    }
    return waiting;
  }

  close(): void {
    this.#parts?.close();
  }
}

function aQuarterOfTheHeap(): number {
  // Not imported: most of the time that importing the core takes goes into modules of Node's.
  return Math.floor(process.getBuiltinModule('node:v8').getHeapStatistics().heap_size_limit / 4);
}
