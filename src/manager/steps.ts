import type { Backend, Lease, MaybePromise } from '../ports/backend.js';
import { checkKey, show } from '../task/checks.js';
import { NonRetryableError, steering, TaskError } from '../task/errors.js';
import { decodeValue, encodeValue } from '../task/stored-value.js';

/** How many steps and keyed children a run may have. */
export const MAX_STEPS = 10_000;

/** What handlers call their steps, and what is kept of keyed children, cannot be the same. */
const STEP = 'step:';

/** What {@link Steps} work with. */
export interface StepParts {
  readonly backend: Backend;
  readonly lease: Lease;
  /** Whether an earlier attempt may have kept some. */
  readonly mayBeKept: boolean;
  /** @throws {unknown} the reason, once the attempt is over. */
  readonly refuseIfOver: () => void;
}

/** The steps that are kept with the run of an attempt. */
export class Steps {
  readonly #parts: StepParts;
  #read: Promise<Map<string, string>> | undefined;
  /** Keys that are asked for in this attempt: one call for each. */
  readonly #asked = new Map<string, Promise<unknown>>();
  /** Keys of which nothing is kept yet. */
  readonly #admitted = new Set<string>();

  constructor(parts: StepParts) {
    this.#parts = parts;
  }

  /** See `TaskContext.step`. */
  async step(key: string, fn: () => unknown): Promise<unknown> {
    checkKey("a step's key", key);
    if (typeof fn !== 'function') throw new TypeError(`a step must be a function; got ${show(fn)}`);
    this.#parts.refuseIfOver();
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const step = this.#step(STEP + key, fn);
    this.#asked.set(key, step);
    try {
      return await step;
    } finally {
      this.#asked.delete(key); // one that threw may be tried again, what is kept is found
    }
  }

  /** The text that is kept under this key. @throws {TaskError} BACKEND when it cannot be read. */
  async find(key: string): Promise<string | undefined> {
    return (await this.#kept()).get(key);
  }

  /** @throws {TaskError} NON_RETRYABLE when the run has as many steps and keyed children as it may. */
  async admit(key: string): Promise<void> {
    const kept = await this.#kept();
    if (kept.has(key)) return;
    this.#admitted.add(key);
    if (kept.size + this.#admitted.size <= MAX_STEPS) return;
    this.#admitted.delete(key);
    throw new NonRetryableError(`A run may have at most ${MAX_STEPS} steps and keyed children`);
  }

  /**
   * Keeps a text; the one that is kept under the key already stays.
   *
   * @returns what is kept then; undefined where the lease was lost.
   */
  async keep(key: string, text: string): Promise<string | undefined> {
    const kept = await this.#parts.backend.keepStep(this.#parts.lease, key, text);
    if (kept === undefined) return undefined;
    (await this.#kept()).set(key, kept);
    this.#admitted.delete(key);
    return kept;
  }

  async #step(key: string, fn: () => unknown): Promise<unknown> {
    const known = await this.find(key);
    if (known !== undefined) return read(known);
    await this.admit(key);
    const encoded = encodeValue(await fn());
    if (!encoded.ok) throw notStorable(key, encoded.reason);
    this.#parts.refuseIfOver();
    const kept = await this.keep(key, encoded.text ?? '');
    if (kept !== undefined) return read(kept);
    this.#parts.refuseIfOver();
    throw new TaskError('LEASE_LOST', 'The step was not kept: another process may run this run by now');
  }

  #kept(): Promise<Map<string, string>> {
    this.#read ??= this.#readAll();
    return this.#read;
  }

  async #readAll(): Promise<Map<string, string>> {
    const { backend, lease, mayBeKept } = this.#parts;
    if (!mayBeKept) return new Map();
    try {
      const kept: MaybePromise<ReadonlyMap<string, string>> = backend.stepsOf(lease);
      return new Map(await kept);
    } catch (error) {
      this.#read = undefined; // it may be read the next time
      throw error;
    }
  }
}

/** No text at all is `undefined`, which JSON has no word for. */
function read(text: string): unknown {
  return decodeValue(text === '' ? null : text);
}

/** Another attempt would come to the same value. */
function notStorable(key: string, reason: string): TaskError {
  return steering(
    new TaskError(
      'RESULT_INVALID',
      `What the step ${show(key.slice(STEP.length))} came to cannot be stored: ${reason}. Return what JSON can say, at most 1 MiB; put files and the like elsewhere`,
    ),
  );
}
