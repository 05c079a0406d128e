import type { Backend } from '../ports/backend.js';
import { checkName } from '../task/checks.js';
import type { QueueInfo } from './manager-options.js';

/** The queues of a manager. Pausing one stops its waiting runs from beginning; those at work go on. */
export class Queues {
  readonly #open: () => Promise<Backend>;

  constructor(open: () => Promise<Backend>) {
    this.#open = open;
  }

  /** Runs of this queue wait until it is resumed. @throws {RangeError} when the name is malformed. */
  async pause(name: string): Promise<void> {
    checkName("a queue's name", name);
    await (await this.#open()).pause(name);
  }

  /** Runs of this queue begin again. @throws {RangeError} when the name is malformed. */
  async resume(name: string): Promise<void> {
    checkName("a queue's name", name);
    await (await this.#open()).resume(name);
  }

  /** Every queue that is paused, or that a run names which is kept, ended or not. */
  async list(): Promise<readonly QueueInfo[]> {
    return (await this.#open()).queues();
  }
}
