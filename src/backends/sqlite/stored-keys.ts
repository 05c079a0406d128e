import type { Retention } from '../../ports/backend.js';
import type { IdempotencyClaim } from '../../ports/new-run.js';
import type { Clock } from '../../ports/clock.js';
import { TaskError } from '../../task/errors.js';
import { keyNameOf } from '../live/key-name.js';
import { keyIsReused, keysAreFull } from '../live/refusals.js';
import type { DatabaseFile, Statement } from './database-file.js';
import type { StoredRecord } from './stored-record.js';

/** What {@link StoredKeys} works with. */
export interface KeyParts {
  readonly database: DatabaseFile;
  readonly clock: Clock;
  readonly retention: Retention;
  /** The run of an ordinal, live or ended. */
  readonly runAt: (ordinal: number) => StoredRecord | undefined;
  /** Removes the row of a run that was kept for its key alone, which has gone; gives what follows once that is kept. */
  readonly released: (ordinal: number) => (() => void) | undefined;
}

/** How many keys go at once where there are too many: to find out which takes a walk through all. */
const PRUNE_SHARE = 100;
/** How many keys one sweep drops at most. */
const SWEEP_MOST = 200;

/** A key, and the ordinal of the run that it stands for. */
type KeyRow = readonly [owner: string, key: string, ordinal: number];

/** Idempotency keys and the runs they stand for: rows of their own, written with the run. */
export class StoredKeys {
  readonly #parts: KeyParts;
  readonly #find: Statement<readonly [fingerprint: string, ordinal: number, expiresAt: number]>;
  readonly #insert: Statement;
  readonly #delete: Statement;
  readonly #ofRun: Statement;
  readonly #over: Statement<KeyRow>;
  readonly #endedFirst: Statement<KeyRow>;
  /** Claimed, and not in the file yet. */
  readonly #claimed = new Map<string, StoredRecord>();
  #count: number;

  constructor(parts: KeyParts) {
    this.#parts = parts;
    const { database } = parts;
    this.#find = database.prepare('SELECT fingerprint, run, expires_at FROM keys WHERE owner = ? AND key = ?');
    this.#insert = database.prepare(
      'INSERT OR REPLACE INTO keys (owner, key, fingerprint, run, expires_at) VALUES (?,?,?,?,?)',
    );
    this.#delete = database.prepare('DELETE FROM keys WHERE owner = ? AND key = ?');
    this.#ofRun = database.prepare('SELECT 1 FROM keys WHERE run = ?');
    const ended = `FROM keys k JOIN runs r ON r.ordinal = k.run WHERE r.finished_at IS NOT NULL`;
    this.#over = database.prepare(
      `SELECT k.owner, k.key, k.run ${ended} AND k.expires_at <= ? ORDER BY k.expires_at LIMIT ?`,
    );
    this.#endedFirst = database.prepare(`SELECT k.owner, k.key, k.run ${ended} ORDER BY r.finished_at LIMIT ?`);
    this.#count = Number(database.prepare('SELECT count(*) FROM keys').first()?.[0] ?? 0);
  }

  /**
   * The run of an earlier start under this key, or undefined where the key is new and may be claimed.
   *
   * @throws {TaskError} KEY_REUSED when the key stands for another task, input or options; QUEUE_FULL when no further
   * key can be kept.
   */
  find(owner: string | null, claim: IdempotencyClaim): StoredRecord | undefined {
    const known = this.#claimed.get(keyNameOf(owner, claim.key)) ?? this.#stored(owner, claim.key);
    if (known === undefined) {
      this.#refuseIfFull();
      return undefined;
    }
    const record = 'record' in known ? known.record : known;
    const fingerprint = 'record' in known ? known.fingerprint : known.claim?.fingerprint;
    if (fingerprint === claim.fingerprint) return record;
    throw keyIsReused(record);
  }

  /** Lets a key that {@link find} did not find stand for this run, from its first row on; {@link prune} goes before. */
  claim(record: StoredRecord, claim: IdempotencyClaim): void {
    record.claim = claim;
    this.#claimed.set(keyNameOf(record.owner, claim.key), record);
    this.#count += 1;
  }

  /** Writes the claim that goes with a new row. */
  write(record: StoredRecord): void {
    if (record.claim === null || record.stored) return;
    const { key, fingerprint } = record.claim;
    const expiresAt = Math.ceil(this.#parts.clock.now() + this.#parts.retention.keepKeyMs);
    this.#insert.run(record.owner ?? '', key, fingerprint, record.ordinal, expiresAt);
  }

  /** The claim is in the file now, or will never be. */
  settle(record: StoredRecord): void {
    if (record.claim === null) return;
    this.#claimed.delete(keyNameOf(record.owner, record.claim.key));
    if (record.refused) this.#count -= 1;
  }

  /** Whether a key stands for this run. */
  keeps(record: StoredRecord): boolean {
    return record.idempotencyKey !== null && this.#ofRun.first(record.ordinal) !== undefined;
  }

  /**
   * Drops keys whose time is over and whose runs have ended. To be called within a transaction.
   *
   * @returns what is to follow once that is committed.
   */
  sweep(): () => void {
    return this.#drop(this.#count > 0 ? this.#over.all(this.#parts.clock.now(), SWEEP_MOST) : []);
  }

  #stored(owner: string | null, key: string): { record: StoredRecord; fingerprint: string } | undefined {
    const row = this.#find.first(owner ?? '', key);
    if (row === undefined) return undefined;
    const [fingerprint, ordinal, expiresAt] = row;
    const record = this.#parts.runAt(ordinal);
    if (record !== undefined && (record.active || expiresAt > this.#parts.clock.now())) return { record, fingerprint };
    this.#dropAtOnce([[owner ?? '', key, ordinal]]);
    return undefined;
  }

  /**
   * Makes room for another key: those go first whose runs ended first.
   *
   * @throws {TaskError} BACKEND when the disk refuses.
   */
  prune(): void {
    const { maxKeys } = this.#parts.retention;
    if (this.#count < maxKeys) return;
    this.#dropAtOnce(this.#endedFirst.all(this.#count - maxKeys + Math.ceil(maxKeys / PRUNE_SHARE)));
  }

  #refuseIfFull(): void {
    const { maxKeys } = this.#parts.retention;
    if (this.#count >= maxKeys && this.#endedFirst.first(1) === undefined) throw keysAreFull(maxKeys);
  }

  #dropAtOnce(rows: readonly KeyRow[]): void {
    if (rows.length === 0) return;
    let follow = (): void => undefined;
    try {
      this.#parts.database.transaction(() => (follow = this.#drop(rows)));
    } catch (cause) {
      throw new TaskError('BACKEND', 'Runs cannot be stored at the moment; try again later', { cause });
    }
    follow();
  }

  #drop(rows: readonly KeyRow[]): () => void {
    const followUps = rows.map(([owner, key, ordinal]) => {
      this.#delete.run(owner, key);
      return this.#parts.released(ordinal);
    });
    return () => {
      this.#count -= rows.length;
      for (const follow of followUps) follow?.();
    };
  }
}
