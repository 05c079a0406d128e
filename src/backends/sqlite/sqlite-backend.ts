import type {
  Accepted,
  Backend,
  BackendEnvironment,
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
import type { NewRun } from '../../ports/new-run.js';
import { checkOptions, show } from '../../task/checks.js';
import { TaskError } from '../../task/errors.js';
import { describeError } from '../../task/run-error.js';
import type { CancelledRequest, Progress } from '../../task/run.js';
import type { LogLine, RunEvent } from '../../task/run-event.js';
import { decodeValue, encodeValue } from '../../task/stored-value.js';
import { unwatchRun } from '../live/run-life.js';
import type { MemoryLease } from '../live/run-record.js';
import { unusable } from './database-errors.js';
import { type Durability, openDatabase } from './database-file.js';
import { Acceptance, type IfActive } from './acceptance.js';
import { SqliteParts } from './sqlite-parts.js';
import { StoredRecord } from './stored-record.js';

/** What {@link sqlite} takes. */
export interface SqliteOptions {
  /** The file; made, with its folder, where there is none. Only one process may have it open. */
  readonly file: string;
  /**
   * What a resolved `start()` promises: `'full'`, the default: the run is on the disk; `'process'`: it survives the
   * end of this process, however that comes, but perhaps not a power cut.
   */
  readonly durability?: Durability;
  /** How long to wait for somebody else's lock on the file when it is opened, in ms. Default 15 000. */
  readonly lockTimeoutMs?: number;
}

const DURABILITIES: readonly unknown[] = ['full', 'process'] satisfies readonly Durability[];

/**
 * Runs in a file: what was accepted outlives the process. One process, one file, no server.
 *
 * @throws {TypeError|RangeError} when an option is unknown or malformed.
 */
export function sqlite(options: SqliteOptions): Backend {
  checkOptions('sqlite', options, ['file', 'durability', 'lockTimeoutMs']);
  const { file, durability = 'full', lockTimeoutMs = 15_000 } = options;
  if (typeof file !== 'string' || file === '') throw new TypeError(`file must be a path; got ${show(file)}`);
  if (!DURABILITIES.includes(durability))
    throw new RangeError(`durability must be 'full' or 'process'; got ${show(durability)}`);
  return new SqliteBackend({ file, durability, lockTimeoutMs });
}

class SqliteBackend implements Backend {
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
      parts.recover();
      await parts.journal.committed();
    } catch (error) {
      parts.close();
      throw unusable(database.path, error);
    }
    this.#parts = parts;
    this.#accepting = new Acceptance(parts);
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

  async find(id: string): Promise<StoredRecord | undefined> {
    const { live, journal, store } = this.#open;
    const record = live.get(id);
    if (record === undefined) return store.find(id);
    if (!record.owed) return record;
    // What is looked at is told: a state that is not in the file yet could be taken back by a crash.
    await journal.committed();
    return this.find(id);
  }

  async list(filter: RunFilter): Promise<StoredPage> {
    const { journal, store, live } = this.#open;
    const before = filter.cursor === undefined ? Number.MAX_SAFE_INTEGER : readCursor(filter.cursor);
    await journal.committed();
    const { records, nextBefore } = store.page(filter, before);
    const items = records.map((record) => {
      const known = live.get(record.id);
      return (known?.ordinal === record.ordinal ? known : record).snapshot();
    });
    return nextBefore === undefined ? { items } : { items, nextCursor: nextBefore.toString(36) };
  }

  counts(): readonly TaskCounts[] {
    const { dispatcher, endedCounts } = this.#open;
    const live = Array.from(dispatcher.waiting.lanes, ({ task, counts }) => ({ task, counts }));
    return [...live, ...Array.from(endedCounts, ([task, counts]) => ({ task, counts }))];
  }

  async cancel(id: string, request: CancelledRequest, ordinal?: number): Promise<StoredRecord | undefined> {
    const { live, course, journal, environment, store } = this.#open;
    const record = live.get(id) ?? store.find(id);
    if (record === undefined || (ordinal !== undefined && record.ordinal !== ordinal)) return undefined;
    if (live.get(id) !== record) {
      environment.observer.cancelledLate(record);
      return record;
    }
    course.cancel(record, request);
    if (record.owed) await journal.committed();
    return record;
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
    const { course, journal } = this.#open;
    const record = storedOf(lease.run);
    const { storable, text } = this.#storable(record, outcome);
    if (!course.settle(lease, storable, held)) return false;
    if (text !== undefined) record.resultText = text;
    return new Promise((resolve) => journal.after(record, resolve, true));
  }

  /** An outcome whose value can be stored, and its text where there is one. */
  #storable(record: StoredRecord, outcome: Outcome): { storable: Outcome; text?: string | null } {
    if (outcome.type !== 'completed') return { storable: outcome };
    const encoded = encodeValue(outcome.value);
    if (encoded.ok) return { storable: { type: 'completed', value: decodeValue(encoded.text) }, text: encoded.text };
    const cause = new TaskError('RESULT_INVALID', `What the handler returned cannot be stored: ${encoded.reason}`);
    return { storable: { type: 'failed', error: describeError(cause, record.attempt), cause } };
  }

  release(lease: MemoryLease): void | Promise<void> {
    const { course, journal } = this.#open;
    course.release(lease);
    return new Promise((resolve) => journal.after(lease.run, resolve, undefined));
  }

  progress(lease: MemoryLease, progress: Progress): void {
    this.#open.course.progress(lease, progress);
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
    // What cannot be written now is tried again at the close.
    await this.#open.journal.committed().catch(() => undefined);
    return this.#open.life.waiting;
  }

  close(): void {
    this.#parts?.close();
  }
}

function notOpen(): TaskError {
  return new TaskError('BACKEND', 'The SQLite backend was used before it was opened');
}

/** Every record of this backend is one that is stored. */
function storedOf(run: StoredRun): StoredRecord {
  if (run instanceof StoredRecord) return run;
  throw new Error(`run ${run.id} is of another backend`);
}

function readCursor(cursor: string): number {
  const ordinal = /^[0-9a-z]{1,10}$/.test(cursor) ? parseInt(cursor, 36) : NaN;
  if (Number.isSafeInteger(ordinal)) return ordinal;
  throw new RangeError('cursor must be the nextCursor of an earlier page');
}
