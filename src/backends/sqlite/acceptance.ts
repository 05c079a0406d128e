import type { Accepted } from '../../ports/backend.js';
import type { NewRun } from '../../ports/new-run.js';
import type { StoredSchedule } from '../../ports/schedules.js';
import { unconfirmedStart } from '../../task/errors.js';
import { isWaiting } from '../../task/status.js';
import { idIsActive, isClosed, queueIsFull, refuseRedrive } from '../live/refusals.js';
import { checkpointText, inputText } from '../live/stored-values.js';
import type { SqliteParts } from './sqlite-parts.js';
import { StoredRecord } from './stored-record.js';

/** What becomes of a start whose id is active. */
export type IfActive = 'error' | 'return' | 'replace';

interface AcceptedRecord extends Accepted {
  readonly run: StoredRecord;
}

/** Takes runs in: resolves when they are in the file. */
export class Acceptance {
  readonly #parts: SqliteParts;
  /** Failed runs that are being redriven, by their ordinal: the file does not say so yet. */
  readonly #redriven = new Map<number, string>();
  #closed = false;

  constructor(parts: SqliteParts) {
    this.#parts = parts;
  }

  /** Takes no more. */
  close(): void {
    this.#closed = true;
  }

  accept(run: NewRun, ifActive: IfActive): Promise<AcceptedRecord> {
    try {
      return this.#settled(this.#accept(run, ifActive));
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** @throws {TaskError} BACKEND where it is not kept: refused, or, where the disk does not answer, perhaps later. */
  async #settled(accepted: AcceptedRecord): Promise<AcceptedRecord> {
    const { run, replayed } = accepted;
    try {
      await this.#parts.journal.settled(run);
      return accepted;
    } catch (error) {
      throw replayed || run.refused ? error : unconfirmedStart(run.id, error);
    }
  }

  /** Accepts a run of a schedule, which moves on in the same transaction. */
  acceptDue(run: NewRun, schedule: StoredSchedule, expectedVersion: number): Promise<Accepted | undefined> {
    const { schedules } = this.#parts;
    return schedules.inTurn(schedule.id, async () => {
      if (!schedules.isAt(schedule.id, expectedVersion)) return undefined;
      if (this.#closed) throw isClosed();
      const earlier = this.#parts.find(run.id);
      const accepted = earlier === undefined ? this.#accept(run, 'error') : { run: earlier, replayed: true };
      if (accepted.replayed) await schedules.keep(schedule);
      else schedules.moveWith(accepted.run, schedule);
      return this.#settled(accepted);
    });
  }

  async redrive(failed: StoredRecord, run: NewRun): Promise<Accepted> {
    const old = this.#redrivable(failed);
    const accepted = this.#accept(run, 'error');
    const fresh = accepted.run;
    fresh.withNext = true;
    old.seldom.redrivenBy = run.id;
    old.version += 1;
    this.#redriven.set(old.ordinal, run.id);
    this.#parts.journal.changed(old);
    try {
      await this.#settled(accepted);
      failed.seldom.redrivenBy = run.id;
      return accepted;
    } catch (error) {
      if (fresh.refused) old.seldom.redrivenBy = null;
      throw error;
    } finally {
      this.#redriven.delete(old.ordinal);
    }
  }

  /** The record as it is now: another copy of it may have been redriven. */
  #redrivable(failed: StoredRecord): StoredRecord {
    const old = this.#parts.at(failed.ordinal) ?? failed;
    refuseRedrive(old, old.redrivenBy ?? this.#redriven.get(old.ordinal) ?? null);
    return old;
  }

  #accept(run: NewRun, ifActive: IfActive): AcceptedRecord {
    const { keys } = this.#parts;
    if (this.#closed) throw isClosed();
    const known = run.idempotency === null ? undefined : keys.find(run.owner, run.idempotency);
    if (known !== undefined) return { run: known, replayed: true };
    const namesake = run.idIsNew ? undefined : this.#parts.find(run.id);
    if (namesake?.active) {
      if (ifActive === 'return') return { run: namesake, replayed: true };
      if (ifActive === 'replace' && !isWaiting(namesake.status)) this.#refuseIfFull();
      throw idIsActive(namesake);
    }
    return { run: this.#add(run, namesake), replayed: false };
  }

  #add(run: NewRun, namesake: StoredRecord | undefined): StoredRecord {
    const parts = this.#parts;
    this.#refuseIfFull();
    const text = inputText(run.input);
    const checkpoint = run.checkpoint === null ? null : checkpointText(run.checkpoint);
    // Before anything is made that would have to be taken back.
    if (run.idempotency !== null) parts.keys.prune();
    const made = { ordinal: (parts.ordinal += 1), now: parts.environment.clock.now(), inputText: text };
    const record = new StoredRecord(run, parts.dispatcher.waiting.join(run), made);
    record.checkpointText = checkpoint;
    if (namesake !== undefined) {
      record.replaces = namesake;
      // A reader of the old run's events must not take the new one's for those it knows.
      record.version = namesake.version + 1;
    }
    parts.live.set(run.id, record);
    parts.children.add(record);
    if (run.idempotency !== null) parts.keys.claim(record, run.idempotency);
    parts.course.begin(record, run);
    return record;
  }

  #refuseIfFull(): void {
    const { environment, life } = this.#parts;
    if (life.waiting >= environment.queueLimit) throw queueIsFull(environment.queueLimit);
  }
}
