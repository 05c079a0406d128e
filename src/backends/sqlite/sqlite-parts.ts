import type { BackendEnvironment, Moment, StoredRun, Watcher } from '../../ports/backend.js';
import type { NewRun } from '../../ports/new-run.js';
import type { Run } from '../../task/run.js';
import { isFinal, noCounts, type RunStatus } from '../../task/status.js';
import { nextTurn } from '../../timing/next-turn.js';
import { Children } from '../live/children.js';
import { Dispatcher } from '../live/dispatcher.js';
import type { Lane } from '../live/lane.js';
import { RunCourse } from '../live/run-course.js';
import { addWatcher, callAllWatchers, callPassedWatchers, RunLife, watchRun } from '../live/run-life.js';
import type { RunRecord } from '../live/run-record.js';
import type { DatabaseFile } from './database-file.js';
import { LiveBackup } from './live-backup.js';
import { recover } from './restart.js';
import { RunStore } from './run-store.js';
import { SqliteJournal } from './sqlite-journal.js';
import { StoredRecord } from './stored-record.js';
import { StoredKeys } from './stored-keys.js';
import { StoredRetention } from './stored-retention.js';
import { StoredSchedules } from './stored-schedules.js';
import { StoredSteps } from './stored-steps.js';

/** The parts of an open backend, wired together. What has not ended is in memory, too; what has is in the file alone. */
export class SqliteParts {
  readonly environment: BackendEnvironment;
  readonly database: DatabaseFile;
  readonly journal: SqliteJournal;
  readonly life: RunLife;
  readonly dispatcher: Dispatcher;
  readonly course: RunCourse;
  readonly store: RunStore;
  readonly keys: StoredKeys;
  readonly retention: StoredRetention;
  readonly schedules: StoredSchedules;
  readonly steps: StoredSteps;
  readonly backup: LiveBackup;
  /** Runs that have not ended, or whose handler has not settled, or whose end is not in the file yet. */
  readonly live = new Map<string, StoredRecord>();
  /** Those of them that are children of others. */
  readonly children = new Children();
  readonly #ended = new Map<string | null, Record<RunStatus, number>>();
  ordinal: number;
  /** What was left when this was closed, as it is in the file. */
  #left: ReadonlyMap<StoredRecord, Run> | undefined;

  constructor(environment: BackendEnvironment, database: DatabaseFile) {
    const { clock, logger, retention } = environment;
    this.environment = environment;
    this.database = database;
    this.backup = new LiveBackup(database);
    this.journal = new SqliteJournal({
      ...{ database, clock, logger },
      write: (record) => this.#write(record),
      written: (record) => this.#written(record),
      undo: (record) => this.#undo(record),
    });
    this.life = new RunLife(clock, this.journal);
    this.dispatcher = new Dispatcher({
      ...{ clock, life: this.life, journal: this.journal },
      onBroken: (lease, outcome) => void this.course.settle(lease, outcome, false),
    });
    this.course = new RunCourse({
      ...{ environment, life: this.life, dispatcher: this.dispatcher, journal: this.journal, durable: true },
      onLighter: () => undefined,
      shelve: (record) => this.#shelve(record),
    });
    this.store = new RunStore(database);
    this.keys = new StoredKeys({
      ...{ database, clock, retention },
      runAt: (ordinal) => this.at(ordinal),
      released: (ordinal) => this.#released(ordinal),
    });
    this.retention = new StoredRetention({
      ...{ store: this.store, keys: this.keys, clock, retention },
      inUse: ({ id, ordinal }) => this.live.get(id)?.ordinal === ordinal,
      ended: (failed) => this.#countEnded(failed),
      also: (work) => this.journal.also(work),
      onOld: (record, keptForKey) => this.#old(record, keptForKey),
    });
    this.schedules = new StoredSchedules(database, this.journal);
    this.steps = new StoredSteps(database, this.journal);
    this.ordinal = this.store.lastOrdinal();
  }

  /** The run of this id, wherever it is. */
  find(id: string): StoredRecord | undefined {
    return this.live.get(id) ?? this.store.find(id);
  }

  /** The record of the same run as it is in memory, which knows better than the file; else the one given. */
  latest(record: StoredRecord): StoredRecord {
    const live = this.live.get(record.id);
    return live?.ordinal === record.ordinal ? live : record;
  }

  /** The run of this ordinal, wherever it is. */
  at(ordinal: number): StoredRecord | undefined {
    const record = this.store.at(ordinal);
    return record && this.latest(record);
  }

  /** How many ended runs there are of each task and status. */
  get endedCounts(): Iterable<readonly [task: string | null, counts: Record<RunStatus, number>]> {
    return this.#ended;
  }

  /** Takes up what an earlier process has left, a piece in each turn of the event loop. */
  async recover(): Promise<void> {
    for (const [task, status, runs] of this.store.endedCounts()) this.#countsOf(task)[status] += runs;
    const paused = this.database.prepare('SELECT name FROM paused_queues').all();
    for (const [name] of paused) this.dispatcher.waiting.pause(String(name));
    this.schedules.recover();
    const join = (run: NewRun): Lane<RunRecord> => this.dispatcher.waiting.join(run);
    for (let after: number | undefined = 0; after !== undefined;) {
      const records: readonly StoredRecord[] = this.store.live(join, after);
      for (const record of records) this.#takeUp(record);
      after = records.at(-1)?.ordinal;
      await new Promise<void>(nextTurn);
    }
    this.retention.open();
  }

  #takeUp(record: StoredRecord): void {
    const { clock } = this.environment;
    const fate = recover(record);
    const { dueAt, expiresAt } = record.seldom;
    this.live.set(record.id, record);
    this.children.add(record);
    this.course.begin(record, {
      delayMs: Math.max(0, (dueAt ?? 0) - clock.now()),
      expiresInMs: expiresAt === null ? null : Math.max(0, expiresAt - clock.now()),
      kept: fate.type === 'waits' && !fate.changed,
    });
    if (fate.type === 'cancelled') this.course.cancel(record, record.rare?.cancel ?? { by: 'unknown', reason: null });
    else if (fate.type === 'fails') this.course.failWaiting(record, fate.error);
    else if (expiresAt !== null && expiresAt <= clock.now()) this.course.expire(record);
  }

  close(): void {
    this.dispatcher.stop();
    this.course.close();
    this.retention.close();
    this.schedules.close();
    this.journal.close();
    if (!this.journal.clean)
      this.environment.logger?.error({}, 'What became of runs last could not be stored; they are tried again later');
    this.#left = new Map(Array.from(this.live.values(), (record) => [record, this.#storedState(record)]));
    this.database.close();
    for (const [record, told] of this.#left) callAllWatchers(record, told);
  }

  /** What a later process will find: an end that could not be stored has not come. */
  #storedState(record: StoredRecord): Run {
    const stored = record.owed && isFinal(record.status) ? this.store.at(record.ordinal) : undefined;
    return (stored ?? record).snapshot();
  }

  watch(record: StoredRecord, moment: Moment, callback: Watcher): void {
    const left = this.#left?.get(record);
    if (left !== undefined) {
      callback(left);
      return;
    }
    if (!record.owed || !isFinal(record.status)) {
      watchRun(record, moment, callback);
      return;
    }
    // An end that is not in the file yet has not come yet.
    addWatcher(record, moment, callback);
    this.journal.after(record, callPassedWatchers, record);
  }

  #write(record: StoredRecord): void {
    const old = record.replaces;
    if (!record.stored && old !== null) {
      const keptForKey = this.keys.keeps(old);
      // It may be there for its key alone by now, or gone.
      record.replacing = { counted: this.store.counts(old.ordinal), keptForKey };
      if (keptForKey) this.store.keepForKey(old.ordinal, true);
      else this.store.remove(old.ordinal);
    }
    if (record.rowIsBehind) this.store.write(record);
    this.steps.write(record);
    this.keys.write(record);
    this.schedules.write(record);
  }

  #written(record: StoredRecord): void {
    this.steps.settle(record);
    if (record.stored) return;
    this.keys.settle(record);
    this.schedules.settle(record);
    const { replaces, replacing } = record;
    record.replaces = null;
    record.replacing = null;
    if (replaces === null || replacing === null) return;
    const { counted, keptForKey } = replacing;
    this.journal.after(
      record,
      (old) => {
        if (counted) this.#count(old, -1);
        if (!keptForKey) this.environment.observer.forgotten(old);
      },
      replaces,
    );
  }

  /** A start that could not be stored. */
  #undo(record: StoredRecord): void {
    this.course.undo(record);
    this.children.remove(record);
    this.dispatcher.waiting.leave(record.lane);
    this.keys.settle(record);
    this.schedules.settle(record);
    if (this.live.get(record.id) !== record) return;
    const { replaces } = record;
    // The end of the run that it was to replace may still have to be stored.
    if (replaces?.owed === true && !replaces.refused) this.live.set(replaces.id, replaces);
    else this.live.delete(record.id);
  }

  #shelve(record: RunRecord): void {
    this.life.gone(record);
    this.dispatcher.waiting.leave(record.lane);
    if (this.live.get(record.id) === record) this.live.delete(record.id);
    this.children.remove(record);
    record.kept = false;
    this.#count(record, 1);
    if (record instanceof StoredRecord) this.retention.put(record);
  }

  #old(record: StoredRecord, keptForKey: boolean): void {
    this.#count(record, -1);
    if (!keptForKey) this.environment.observer.forgotten(record);
  }

  #released(ordinal: number): (() => void) | undefined {
    const record = this.store.keptForKeyAlone(ordinal);
    if (record === undefined) return undefined;
    this.store.remove(ordinal);
    return () => this.environment.observer.forgotten(record);
  }

  #count(run: StoredRun, by: 1 | -1): void {
    this.#countsOf(run.task)[run.status] += by;
  }

  #countsOf(task: string | null): Record<RunStatus, number> {
    let counts = this.#ended.get(task);
    if (counts === undefined) this.#ended.set(task, (counts = noCounts()));
    return counts;
  }

  #countEnded(failed: boolean): number {
    let runs = 0;
    for (const counts of this.#ended.values()) runs += failed ? counts.failed : counts.completed + counts.cancelled;
    return runs;
  }
}
