import type { BackendEnvironment } from '../../../ports/backend.js';
import { queueIsFull } from '../../live/refusals.js';

/** For how long a count is good, in ms: by then, others of the fleet may have accepted many. */
const COUNT_AGAIN_MS = 1_000;

/**
 * Keeps the number of waiting runs at its limit. Counting takes the server some work, so that this process counts for
 * itself what it accepts, and asks when that comes to the limit, or is a second old: within that second, the processes of
 * a fleet may together accept more.
 */
export class QueueLimit {
  readonly #environment: BackendEnvironment;
  readonly #count: () => Promise<number>;
  /** At most so many wait, as far as this process knows; undefined: it has not asked yet. */
  #waiting: number | undefined;
  #countedAt = 0;
  #counting: Promise<void> | undefined;

  /** @param count asks the server how many runs wait. */
  constructor(environment: BackendEnvironment, count: () => Promise<number>) {
    this.#environment = environment;
    this.#count = count;
  }

  /** A run that waits, or is accepted now. */
  add(): void {
    if (this.#waiting !== undefined) this.#waiting += 1;
  }

  /** It was not accepted after all. */
  takeBack(): void {
    if (this.#waiting !== undefined) this.#waiting = Math.max(0, this.#waiting - 1);
  }

  /** @throws {TaskError} QUEUE_FULL when as many runs wait as may. */
  async refuseIfFull(): Promise<void> {
    if (await this.isFull()) throw queueIsFull(this.#environment.queueLimit);
  }

  /** Whether it is certain, without asking, that there is room. */
  get hasRoom(): boolean {
    const { clock, queueLimit } = this.#environment;
    const isOld = clock.monotonic() - this.#countedAt >= COUNT_AGAIN_MS;
    return !isOld && this.#waiting !== undefined && this.#waiting < queueLimit;
  }

  async isFull(): Promise<boolean> {
    if (this.hasRoom) return false;
    await (this.#counting ??= this.#countNow());
    return (this.#waiting ?? 0) >= this.#environment.queueLimit;
  }

  async #countNow(): Promise<void> {
    try {
      this.#waiting = await this.#count();
      this.#countedAt = this.#environment.clock.monotonic();
    } finally {
      this.#counting = undefined;
    }
  }
}
