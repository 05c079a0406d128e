import type { IdempotencyClaim, Retention } from '../../ports/backend.js';
import type { Clock, Timer } from '../../ports/clock.js';
import { TaskError } from '../../task/errors.js';
import type { RunRecord } from './run-record.js';

interface KeyEntry {
  readonly fingerprint: string;
  readonly record: RunRecord;
  readonly expiresAt: number;
}

/** Idempotency keys and the runs they stand for. A key's run is kept as long as the key. */
export class KeyRing {
  readonly #clock: Clock;
  readonly #keepMs: number;
  readonly #max: number;
  readonly #release: (record: RunRecord) => void;
  /** In the order of their expiry, which is the order of insertion: all are kept equally long. */
  readonly #keys = new Map<string, KeyEntry>();
  #timer: Timer | undefined;

  /** @param release is called when a key has expired and its run may go as any other. */
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
    this.#expire();
    const entry = this.#keys.get(keyOf(owner, claim.key));
    if (entry === undefined) {
      if (this.#keys.size < this.#max) return undefined;
      throw new TaskError(
        'QUEUE_FULL',
        `No more than ${this.#max} idempotency keys can be kept; start without one, or try again later`,
      );
    }
    if (entry.fingerprint === claim.fingerprint) return entry.record;
    throw new TaskError(
      'KEY_REUSED',
      'This idempotency key was used before with another task, input or options; use a new key',
      {
        details: { runId: entry.record.id },
      },
    );
  }

  claim(owner: string | null, claim: IdempotencyClaim, record: RunRecord): void {
    const expiresAt = this.#clock.monotonic() + this.#keepMs;
    this.#keys.set(keyOf(owner, claim.key), { fingerprint: claim.fingerprint, record, expiresAt });
    this.#plan();
  }

  /** Whether this run's key is still kept. */
  holds(record: RunRecord): boolean {
    const key = record.idempotencyKey;
    return key !== null && this.#keys.get(keyOf(record.owner, key))?.record === record;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #plan(): void {
    if (this.#timer !== undefined) return;
    for (const { expiresAt } of this.#keys.values()) {
      this.#timer = this.#clock.after(Math.max(0, Math.ceil(expiresAt - this.#clock.monotonic())), () => {
        this.#timer = undefined;
        this.#expire();
        this.#plan();
      });
      this.#timer.unref();
      return;
    }
  }

  #expire(): void {
    if (this.#keys.size === 0) return;
    const now = this.#clock.monotonic();
    for (const [key, { expiresAt, record }] of this.#keys) {
      if (expiresAt > now) return;
      this.#keys.delete(key);
      this.#release(record);
    }
  }
}

/** Owners are names and hold no space, so no owner's key can be another's. */
function keyOf(owner: string | null, key: string): string {
  return `${owner ?? ''} ${key}`;
}
