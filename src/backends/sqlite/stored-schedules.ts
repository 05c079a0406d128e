import type { ScheduleSettings, StoredSchedule } from '../../ports/schedules.js';
import { TaskError } from '../../task/errors.js';
import { Turns } from '../../timing/turns.js';
import { KeptSchedules } from '../live/kept-schedules.js';
import type { DatabaseFile, Statement } from './database-file.js';
import { isUnconfirmed } from './journal-waiters.js';
import type { SqliteJournal } from './sqlite-journal.js';
import type { StoredRecord } from './stored-record.js';

/**
 * Schedules: rows of their own, and all of them in memory. Changes of one schedule are made one after the other, each
 * when the one before is in the file: two of them never meet in a transaction.
 */
export class StoredSchedules {
  readonly #database: DatabaseFile;
  readonly #journal: SqliteJournal;
  readonly #kept = new KeptSchedules();
  readonly #turns = new Turns();
  /** Moved on with a run that is not in the file yet, as they were before. */
  readonly #before = new Map<StoredRecord, StoredSchedule>();
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #delete: Statement;
  #closed = false;

  constructor(database: DatabaseFile, journal: SqliteJournal) {
    this.#database = database;
    this.#journal = journal;
    this.#insert = database.prepare('INSERT OR REPLACE INTO schedules (id, record, input) VALUES (?,?,?)');
    this.#update = database.prepare('UPDATE schedules SET record = ? WHERE id = ?');
    this.#delete = database.prepare('DELETE FROM schedules WHERE id = ?');
  }

  /** Takes up what an earlier process has left. */
  recover(): void {
    const rows = this.#database.prepare<readonly [string, string | null]>('SELECT record, input FROM schedules');
    for (const [record, input] of rows.all()) this.#kept.put(readSchedule(record, input));
  }

  get all(): readonly StoredSchedule[] {
    return this.#kept.all;
  }

  isAt(id: string, version: number | null): boolean {
    return this.#kept.isAt(id, version);
  }

  /** Acts when every earlier change of the schedule is in the file, or was refused. */
  inTurn<T>(id: string, act: () => Promise<T>): Promise<T> {
    return this.#turns.take(id, act);
  }

  save(schedule: StoredSchedule, expectedVersion: number | null): Promise<boolean> {
    return this.inTurn(schedule.id, async () => {
      if (!this.isAt(schedule.id, expectedVersion)) return false;
      await this.keep(schedule);
      return true;
    });
  }

  remove(id: string): Promise<boolean> {
    return this.inTurn(id, async () => {
      const before = this.#kept.get(id);
      if (before === undefined) return false;
      this.#kept.remove(id);
      await this.#commit(before, () => this.#delete.run(id));
      return true;
    });
  }

  /**
   * Keeps a schedule as it is now. To be called in its turn.
   *
   * @throws {TaskError} BACKEND, and it is as it was; or, where the disk does not confirm it, as it was to be.
   */
  async keep(schedule: StoredSchedule): Promise<void> {
    const before = this.#kept.get(schedule.id);
    this.#kept.put(schedule);
    await this.#commit(before ?? schedule.id, () => this.#write(schedule, before));
  }

  /** Lets a schedule move on in the transaction that writes this new run, or not at all. To be called in its turn. */
  moveWith(record: StoredRecord, schedule: StoredSchedule): void {
    const before = this.#kept.get(schedule.id);
    if (before !== undefined) this.#before.set(record, before);
    record.schedule = schedule;
    this.#kept.put(schedule);
  }

  /** Writes the schedule that goes with a new row. */
  write(record: StoredRecord): void {
    if (record.schedule === null || record.stored) return;
    this.#update.run(recordText(record.schedule), record.schedule.id);
  }

  /** The run that a schedule has moved on with is in the file now, or will never be. */
  settle(record: StoredRecord): void {
    const before = this.#before.get(record);
    this.#before.delete(record);
    record.schedule = null;
    if (record.refused && before !== undefined) this.#kept.put(before);
  }

  /** What comes now would be written by nobody. */
  close(): void {
    this.#closed = true;
  }

  #write(schedule: StoredSchedule, before: StoredSchedule | undefined): void {
    const { input } = schedule.settings;
    // An input may be long, and hardly ever changes.
    if (before?.settings.input === input) this.#update.run(recordText(schedule), schedule.id);
    else this.#insert.run(schedule.id, recordText(schedule), input);
  }

  /** @param before what is kept in memory again where the file cannot be written; only an id, where there was nothing. */
  #commit(before: StoredSchedule | string, write: () => void): Promise<void> {
    const restore = (): void => {
      if (typeof before === 'string') this.#kept.remove(before);
      else this.#kept.put(before);
    };
    if (this.#closed) {
      restore();
      return Promise.reject(new TaskError('MANAGER_CLOSED', 'The manager is closed and changes no schedules'));
    }
    return new Promise((resolve, reject) => {
      let state: 'open' | 'written' | 'given up' = 'open';
      this.#journal.also(() => {
        if (state === 'given up') return undefined;
        write();
        return () => {
          state = 'written';
        };
      });
      const failed = (error: unknown): void => {
        if (state === 'written') {
          // It has only to reach the disk: rows that were to be written after it are what could not be. Where it does not
          // get there it stays as it is, for the file has it: nobody knows only whether a power cut would leave it.
          if (isUnconfirmed(error)) reject(error);
          else this.#journal.committed().then(resolve, failed);
          return;
        }
        state = 'given up';
        restore();
        reject(error instanceof Error ? error : new Error(String(error)));
      };
      this.#journal.committed().then(resolve, failed);
    });
  }
}

/** All but the input, which has a column of its own. */
function recordText({ settings, ...schedule }: StoredSchedule): string {
  const shortSettings: Partial<ScheduleSettings> = { ...settings, input: null };
  return JSON.stringify({ ...schedule, settings: shortSettings });
}

function readSchedule(record: string, input: string | null): StoredSchedule {
  const schedule = JSON.parse(record) as StoredSchedule;
  return { ...schedule, settings: { ...schedule.settings, input } };
}
