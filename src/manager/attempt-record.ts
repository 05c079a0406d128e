/** What the backend has answered to the end of an attempt, and who waits for that. */
export class AttemptRecord {
  #answered: boolean;
  #telling: Promise<void> | undefined;
  #watcher: (() => void) | undefined;
  #overWatcher: (() => void) | undefined;

  /** @param answered whether the end of the attempt has been answered already. */
  constructor(answered: boolean) {
    this.#answered = answered;
  }

  /** Whether the backend has answered to the end of the attempt. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Settles when the backend has answered to all that was reported; undefined where it answers at once. */
  get telling(): Promise<void> | undefined {
    return this.#telling;
  }

  /** Calls back when it is {@link answered}, at once where it is. For one caller at a time. */
  when(callback: () => void): void {
    if (this.#answered) callback();
    else this.#watcher = callback;
  }

  /** Calls back when it is {@link answered}, at once where it is, beside whoever else waits for that. */
  whenOver(callback: () => void): void {
    if (this.#answered) callback();
    else this.#overWatcher = callback;
  }

  /** The end was reported. @param answer of the backend, which is still to come. */
  reported(answer: Promise<void>): void {
    this.#telling = answer.then(() => this.note());
  }

  /** Does something once all that was reported has been answered: at once, where it has. */
  afterwards(act: () => unknown): void {
    const done = this.#telling === undefined ? act() : this.#telling.then(act);
    if (done instanceof Promise) this.#telling = done.then(() => undefined);
  }

  /** The attempt is over, and there is nothing (more) to be answered. */
  note(): void {
    this.#answered = true;
    this.#watcher?.();
    this.#overWatcher?.();
  }
}
