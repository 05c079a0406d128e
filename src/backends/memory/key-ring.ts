import type { Retention } from '../../ports/backend.js';
import type { IdempotencyClaim } from '../../ports/new-run.js';
import type { Clock, Timer } from '../../ports/clock.js';
import { keyNameOf } from '../live/key-name.js';
import { keyIsReused, keysAreFull } from '../live/refusals.js';
import { ListNode, RunList } from '../live/run-list.js';
import type { RunRecord } from '../live/run-record.js';

/** How many keys one sweep drops at most: the rest go in the next turns. */
const SWEEP_MOST = 1_000;

/** A key; in the list of those whose time is not over. */
class KeyEntry extends ListNode {
  readonly name: string;
  readonly fingerprint: string;
  readonly record: RunRecord;
  readonly expiresAt: number;
  readonly ended = new EndedKey(this);
  /** Its run would have gone, if it were not for the key. */
  alone = false;

  constructor(name: string, claim: { fingerprint: string; record: RunRecord; expiresAt: number }) {
    super();
    this.name = name;
    this.fingerprint = claim.fingerprint;
    this.record = claim.record;
    this.expiresAt = claim.expiresAt;
  }
}

/** The same key, in the list of those whose runs have ended. */
class EndedKey extends ListNode {
  readonly entry: KeyEntry;

  constructor(entry: KeyEntry) {
    super();
    this.entry = entry;
  }
}

/**
 * Idempotency keys and the runs they stand for. A key is kept for its time, and until its run has ended; where there
 * are too many, those go first whose runs ended first. A key's run is kept as long as the key.
 */
export class KeyRing {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #max: number;
  readonly #release: (record: RunRecord) => void;
  readonly #keys = new Map<string, KeyEntry>();
  /** In the order of their expiry, which is the order of insertion: all are kept equally long. */
  readonly #young = new RunList<KeyEntry>();
  /** In the order in which their runs ended. */
  readonly #ended = new RunList<EndedKey>();
  readonly #alone = new RunList<RunRecord>();
  #timer: Timer | undefined;
  #closed = false;

  /** @param release is called with a run that was kept for its key alone, when that has gone. */
  constructor(clock: Clock, { keepKeyMs, maxKeys }: Retention, release: (record: RunRecord) => void) {
    this.#clock = clock;
    this.#keepMs = keepKeyMs;
    this.#max = maxKeys;
    this.#release = release;
  }

  /**
   * The run of an earlier start under this key, or undefined where the key is new and may be claimed.
   *
   * @throws {TaskError} KEY_REUSED when the key stands for another task, input or options; QUEUE_FULL when no further
   * key can be kept.
   */
  find(owner: string | null, claim: IdempotencyClaim): RunRecord | undefined {
    const entry = this.#keys.get(keyNameOf(owner, claim.key));
    if (entry === undefined || this.#dropOver(entry)) {
      this.#refuseIfFull();
      return undefined;
    }
    if (entry.fingerprint === claim.fingerprint) return entry.record;
    throw keyIsReused(entry.record);
  }

  /** Lets a key that {@link find} did not find stand for this run. */
  claim(owner: string | null, { key, fingerprint }: IdempotencyClaim, record: RunRecord): void {
    if (this.#keys.size >= this.#max && this.#ended.first) this.#drop(this.#ended.first.entry);
    const name = keyNameOf(owner, key);
    const entry = new KeyEntry(name, { fingerprint, record, expiresAt: this.#clock.monotonic() + this.#keepMs });
    this.#keys.set(name, entry);
    this.#young.push(entry);
    this.#plan();
  }

  /** A run has ended, and its handler has settled. */
  ended(record: RunRecord): void {
    const entry = this.#entryOf(record);
    if (entry === undefined) return;
    this.#ended.push(entry.ended);
    this.#dropOver(entry);
  }

  /** Whether this run's key is still kept. */
  holds(record: RunRecord): boolean {
    return this.#entryOf(record) !== undefined;
  }

  /** The time of a run is over, which is in no list any more: it stays for its key alone, where that is kept. */
  keep(record: RunRecord): boolean {
    const entry = this.#entryOf(record);
    if (entry === undefined) return false;
    entry.alone = true;
    this.#alone.push(record);
    return true;
  }

  /** Whether a run is there for its key alone. */
  keepsAlone(record: RunRecord): boolean {
    return this.#entryOf(record)?.alone === true;
  }

  /** The run that has been there for its key alone for the longest time. */
  get oldestAlone(): RunRecord | undefined {
    return this.#alone.first;
  }

  /** Lets the key of a run go before its time. */
  drop(record: RunRecord): void {
    const entry = this.#entryOf(record);
    if (entry !== undefined) this.#drop(entry);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #entryOf(record: RunRecord): KeyEntry | undefined {
    const key = record.idempotencyKey;
    const entry = key === null ? undefined : this.#keys.get(keyNameOf(record.owner, key));
    return entry?.record === record ? entry : undefined;
  }

  #refuseIfFull(): void {
    if (this.#keys.size >= this.#max && this.#ended.first === undefined) throw keysAreFull(this.#max);
  }

  #drop(entry: KeyEntry): void {
    this.#keys.delete(entry.name);
    entry.unlink();
    entry.ended.unlink();
    if (!entry.alone) return;
    entry.record.unlink();
    this.#release(entry.record);
  }

  /** Drops a key whose time is over, unless its run has yet to end. */
  #dropOver(entry: KeyEntry): boolean {
    if (entry.expiresAt > this.#clock.monotonic() || entry.record.active) return false;
    this.#drop(entry);
    return true;
  }

  #plan(): void {
    const oldest = this.#young.first;
    if (this.#timer !== undefined || oldest === undefined || this.#closed) return;
    this.#timer = this.#clock.after(Math.max(0, Math.ceil(oldest.expiresAt - this.#clock.monotonic())), () => {
      this.#timer = undefined;
      this.#sweep();
      this.#plan();
    });
    this.#timer.unref();
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (let swept = 0; swept < SWEEP_MOST; swept += 1) {
      const oldest = this.#young.first;
      if (oldest === undefined || oldest.expiresAt > now) return;
      oldest.unlink();
      this.#dropOver(oldest);
    }
  }
}
