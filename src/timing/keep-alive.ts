/** Looked up once: this measures no time, so fake timers have no business with it. */
const setRealInterval = setInterval;
const clearRealInterval = clearInterval;

const LONGEST_MS = 2_147_483_647;

/** Keeps the process up while there is something to wait for. Switching costs next to nothing. */
export class KeepAlive {
  #timer: NodeJS.Timeout | undefined;

  /** The process stays up from now on. */
  hold(): void {
    this.#timer ??= setRealInterval(() => undefined, LONGEST_MS);
    this.#timer.ref();
  }

  /** The process may end for all we care. */
  letGo(): void {
    this.#timer?.unref();
  }

  /** Leaves no timer behind. */
  close(): void {
    clearRealInterval(this.#timer);
    this.#timer = undefined;
  }
}
