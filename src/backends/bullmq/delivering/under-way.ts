import { systemClock } from '../../../timing/system-clock.js';

/** What was begun and is not over. */
export class UnderWay {
  readonly #works = new Set<Promise<void>>();

  /** @param work never rejects. */
  follow(work: Promise<void>): void {
    this.#works.add(work);
    void work.finally(() => this.#works.delete(work));
  }

  /** Settles when all is over, what comes meanwhile too, or after so many ms. */
  async settled(withinMs: number): Promise<void> {
    let timer: { cancel(): void } | undefined;
    const late = new Promise<void>((resolve) => (timer = systemClock.after(withinMs, resolve)));
    await Promise.race([this.#all(), late]);
    timer?.cancel();
  }

  async #all(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works);
  }
}
