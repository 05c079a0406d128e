import type { Accepted } from '../../ports/backend.js';
import type { NewRun } from '../../ports/new-run.js';
import { TaskError } from '../../task/errors.js';
import { isFinal, isWaiting } from '../../task/status.js';
import { encodeValue } from '../../task/stored-value.js';
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

  async accept(run: NewRun, ifActive: IfActive): Promise<AcceptedRecord> {
    const accepted = this.#accept(run, ifActive);
    await this.#parts.journal.settled(accepted.run);
    return accepted;
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
      await this.#parts.journal.settled(fresh);
      failed.seldom.redrivenBy = run.id;
      return accepted;
    } catch (error) {
      old.seldom.redrivenBy = null;
      throw error;
    } finally {
      this.#redriven.delete(old.ordinal);
    }
  }

  /** The record as it is now: another copy of it may have been redriven. */
  #redrivable(failed: StoredRecord): StoredRecord {
    const old = this.#parts.at(failed.ordinal) ?? failed;
    if (old.status !== 'failed')
      throw new TaskError('RUN_CONFLICT', `Only failed runs can be redriven; run ${old.id} is ${old.status}`);
    const redrivenBy = old.redrivenBy ?? this.#redriven.get(old.ordinal);
    if (redrivenBy === undefined) return old;
    throw new TaskError('RUN_CONFLICT', `Run ${old.id} was redriven before, as ${redrivenBy}`, {
      details: { redrivenBy },
    });
  }

  #accept(run: NewRun, ifActive: IfActive): AcceptedRecord {
    const { keys, live, store } = this.#parts;
    if (this.#closed) throw new TaskError('MANAGER_CLOSED', 'The manager is closed and takes no new runs');
    const known = run.idempotency === null ? undefined : keys.find(run.owner, run.idempotency);
    if (known !== undefined) return { run: known, replayed: true };
    const namesake = run.idIsNew ? undefined : (live.get(run.id) ?? store.find(run.id));
    if (namesake?.active) {
      if (ifActive === 'return') return { run: namesake, replayed: true };
      if (ifActive === 'replace' && !isWaiting(namesake.status)) this.#refuseIfFull();
      throw conflict(namesake);
    }
    return { run: this.#add(run, namesake), replayed: false };
  }

  #add(run: NewRun, namesake: StoredRecord | undefined): StoredRecord {
    const parts = this.#parts;
    this.#refuseIfFull();
    const inputText = textOf(run.input);
    // Before anything is made that would have to be taken back.
    if (run.idempotency !== null) parts.keys.prune();
    const record = new StoredRecord(run, parts.dispatcher.waiting.join(run), {
      ...{ ordinal: (parts.ordinal += 1), now: parts.environment.clock.now(), inputText },
    });
    if (namesake !== undefined) {
      record.replaces = namesake;
      // A reader of the old run's events must not take the new one's for those it knows.
      record.version = namesake.version + 1;
    }
    parts.live.set(run.id, record);
    if (run.idempotency !== null) parts.keys.claim(record, run.idempotency);
    parts.course.begin(record, run);
    return record;
  }

  #refuseIfFull(): void {
    const { environment, life } = this.#parts;
    if (life.waiting < environment.queueLimit) return;
    throw new TaskError('QUEUE_FULL', `No more than ${environment.queueLimit} runs can wait; try again later`);
  }
}

function textOf(input: unknown): string | null {
  const encoded = encodeValue(input);
  if (encoded.ok) return encoded.text;
  throw new TaskError('INPUT_INVALID', `The input cannot be stored: ${encoded.reason}`);
}

function conflict(record: StoredRecord): TaskError {
  const abandoned = isFinal(record.status);
  const why = abandoned ? 'has ended, but its handler is still at work' : `is ${record.status}`;
  return new TaskError('RUN_CONFLICT', `Run ${record.id} ${why}; wait, use another id, or start with ifActive`, {
    details: { runId: record.id, status: record.status, abandoned },
  });
}
