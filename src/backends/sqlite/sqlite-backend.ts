import type {
  Accepted,
  BackendEnvironment,
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
} from '../../ports/backend.js';
import type { Checkpoint } from '../../ports/checkpoint.js';
import type { NewRun } from '../../ports/new-run.js';
import type { StoredSchedule } from '../../ports/schedules.js';
import { checkOptions, show } from '../../task/checks.js';
import { TaskError } from '../../task/errors.js';
import type { CancelledRequest, Progress, RunKind } from '../../task/run.js';
import type { LogLine, RunEvent } from '../../task/run-event.js';
import { decodeValue } from '../../task/stored-value.js';
import { unwatchRun } from '../live/run-life.js';
import type { MemoryLease } from '../live/run-record.js';
import { unusable } from './database-errors.js';
import { type Durability, openDatabase } from './open-database.js';
import type { BackupOptions, BackupResult } from './live-backup.js';
import { Acceptance, type IfActive } from './acceptance.js';
import { keepCheckpoint, release, settle } from './attempt-reports.js';
import { allChildrenOf, unendedChildrenOf } from './children-of.js';
import { retire } from './retire.js';
import { listRuns } from './run-pages.js';
import type { SqliteBackend, SqliteOptions } from './sqlite-options.js';
import { SqliteParts } from './sqlite-parts.js';
import { type StoredRecord, storedOf } from './stored-record.js';

const DURABILITIES: readonly unknown[] = ['full', 'process'] satisfies readonly Durability[];

/**
 * Runs in a file: what was accepted outlives the process. One process, one file, no server.
 *
 * @throws {TypeError|RangeError} when an option is unknown or malformed.
 */
export function sqlite(options: SqliteOptions): SqliteBackend {
  checkOptions('sqlite', options, ['file', 'durability', 'lockTimeoutMs']);
  const { file, durability = 'full', lockTimeoutMs = 15_000 } = options;
  if (typeof file !== 'string' || file === '') throw new TypeError(`file must be a path; got ${show(file)}`);
  if (!DURABILITIES.includes(durability))
    throw new RangeError(`durability must be 'full' or 'process'; got ${show(durability)}`);
  return new RunsInFile({ file, durability, lockTimeoutMs });
}

class RunsInFile implements SqliteBackend {
  readonly name = 'sqlite';
  readonly durable = true;
  readonly #options: Required<SqliteOptions>;
  #parts: SqliteParts | undefined;
  #accepting: Acceptance | undefined;

  constructor(options: Required<SqliteOptions>) {
    this.#options = options;
  }

  async open(environment: BackendEnvironment): Promise<void> {
    const database = await openDatabase({ ...this.#options, clock: environment.clock });
    const parts = new SqliteParts(environment, database);
    try {
      await parts.recover();
      await parts.journal.committed();
    } catch (error) {
      parts.close();
      throw unusable(database.path, error);
    }
    this.#parts = parts;
    this.#accepting = new Acceptance(parts);
  }

  get storeId(): string {
    return this.#open.store.id;
  }

  get #open(): SqliteParts {
    if (this.#parts === undefined) throw notOpen();
    return this.#parts;
  }

  get #acceptance(): Acceptance {
    if (this.#accepting === undefined) throw notOpen();
    return this.#accepting;
  }

  accept(run: NewRun, ifActive: IfActive): Promise<Accepted> {
    return this.#acceptance.accept(run, ifActive);
  }

  redrive(failed: StoredRecord, run: NewRun): Promise<Accepted> {
    return this.#acceptance.redrive(failed, run);
  }

  acceptDue(run: NewRun, schedule: StoredSchedule, expectedVersion: number): Promise<Accepted | undefined> {
    return this.#acceptance.acceptDue(run, schedule, expectedVersion);
  }

  schedules(): readonly StoredSchedule[] {
    return this.#open.schedules.all;
  }

  saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean> {
    return this.#open.schedules.save(schedule, expectedVersion);
  }

  removeSchedule(id: string): Promise<boolean> {
    return this.#open.schedules.remove(id);
  }

  async find(id: string): Promise<StoredRecord | undefined> {
    const parts = this.#open;
    const record = parts.find(id);
    if (record?.owed !== true) return record;
    // What is looked at is told: a state that is not in the file yet could be taken back by a crash.
    await parts.journal.committed();
    return this.find(id);
  }

  list(filter: RunFilter): Promise<StoredPage> {
    return listRuns(this.#open, filter);
  }

  counts(): readonly TaskCounts[] {
    const { dispatcher, endedCounts } = this.#open;
    const live = Array.from(dispatcher.waiting.lanes, ({ task, counts }) => ({ task, counts }));
    return [...live, ...Array.from(endedCounts, ([task, counts]) => ({ task, counts }))];
  }

  runsOf(kind: RunKind): readonly StoredRun[] {
    const { store, live } = this.#open;
    const others = store.withoutValues(kind).filter((record) => live.get(record.id)?.ordinal !== record.ordinal);
    return [...others, ...Array.from(live.values()).filter((record) => record.kind === kind)];
  }

  async cancel(id: string, request: CancelledRequest, ordinal?: number): Promise<StoredRecord | undefined> {
    const parts = this.#open;
    const { course, environment, journal, live } = parts;
    const record = parts.find(id);
    if (record === undefined || (ordinal !== undefined && record.ordinal !== ordinal)) return undefined;
    if (live.get(id) !== record) {
      environment.observer.cancelledLate(record);
      return record;
    }
    course.cancel(record, request);
    if (record.owed) await journal.committed();
    return record;
  }

  childrenOf(parent: StoredRun, which: 'all' | 'unended'): MaybePromise<readonly StoredRun[]> {
    return which === 'all' ? allChildrenOf(this.#open, parent) : unendedChildrenOf(this.#open, parent);
  }

  stepsOf(lease: MemoryLease): ReadonlyMap<string, string> {
    return this.#open.steps.of(lease);
  }

  keepStep(lease: MemoryLease, key: string, text: string): MaybePromise<string | undefined> {
    return this.#open.steps.keep(lease, key, text);
  }

  pause(queue: string): Promise<void> {
    const { dispatcher, journal, database } = this.#open;
    dispatcher.waiting.pause(queue);
    journal.also(() => {
      database.prepare('INSERT OR IGNORE INTO paused_queues VALUES (?)').run(queue);
      return undefined;
    });
    return journal.committed();
  }

  resume(queue: string): Promise<void> {
    const { dispatcher, journal, database } = this.#open;
    dispatcher.waiting.resume(queue);
    dispatcher.wake();
    journal.also(() => {
      database.prepare('DELETE FROM paused_queues WHERE name = ?').run(queue);
      return undefined;
    });
    return journal.committed();
  }

  queues(): readonly StoredQueue[] {
    return Array.from(this.#open.dispatcher.waiting.queues, ({ name, paused, queued }) => ({ name, paused, queued }));
  }

  work({ freeSlots, take }: WorkOptions): Worker {
    const { dispatcher, store } = this.#open;
    return dispatcher.work({
      freeSlots,
      take: (run, lease) => {
        const record = storedOf(run);
        // Before a crash as after it.
        record.input = decodeValue(record.inputText === undefined ? store.inputOf(record.ordinal) : record.inputText);
        return take(run, lease);
      },
    });
  }

  settle(lease: MemoryLease, outcome: Outcome, held: boolean): boolean | Promise<boolean> {
    return settle(this.#open, { lease, outcome, held });
  }

  release(lease: MemoryLease): Promise<void> {
    return release(this.#open, lease);
  }

  progress(lease: MemoryLease, progress: Progress): void {
    this.#open.course.progress(lease, progress);
  }

  checkpoint(lease: MemoryLease, checkpoint: Checkpoint): boolean | Promise<boolean> {
    return keepCheckpoint(this.#open, lease, checkpoint);
  }

  log(lease: MemoryLease, line: LogLine): void {
    this.#open.course.log(lease, line);
  }

  watch(record: StoredRecord, moment: Moment, callback: Watcher): void {
    this.#open.watch(record, moment, callback);
  }

  unwatch(run: StoredRecord, moment: Moment, callback: Watcher): void {
    unwatchRun(run, moment, callback);
  }

  subscribe(run: StoredRecord | null, listener: (event: RunEvent) => void): () => void {
    return this.#open.life.listen(run, listener);
  }

  async retire(): Promise<number> {
    this.#acceptance.close();
    return retire(this.#open);
  }

  async backup(to: string, options: BackupOptions = {}): Promise<BackupResult> {
    return this.#open.backup.make(to, options);
  }

  async close(): Promise<void> {
    await this.#parts?.backup.close();
    this.#parts?.close();
  }
}

function notOpen(): TaskError {
  return new TaskError('BACKEND', 'The SQLite backend was used before it was opened');
}
