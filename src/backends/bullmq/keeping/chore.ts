import type { Clock, Timer } from '../../../ports/clock.js';
import type { Logger } from '../../../ports/logger.js';

/** What a {@link Chore} works with. */
export interface ChoreParts {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  /** For the log. */
  readonly what: string;
  /** From the end of one time to the beginning of the next, in ms. */
  readonly everyMs: number;
}

/**
 * Something that is done again and again, at once to begin with; never twice at the same time, and never so that it keeps
 * the process up. A time that fails is made up for by the next.
 */
export class Chore {
  readonly #parts: ChoreParts;
  readonly #act: () => Promise<void>;
  #timer: Timer | undefined;
  #isOver = false;
  #failed = false;

  constructor(parts: ChoreParts, act: () => Promise<void>) {
    this.#parts = parts;
    this.#act = act;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    const { clock, everyMs } = this.#parts;
    try {
      await this.#act();
      this.#failed = false;
    } catch (error) {
      this.#note(error);
    }
    if (this.#isOver) return;
    this.#timer = clock.after(everyMs, () => void this.#run());
    this.#timer.unref();
  }

  /** Once for each outage, not once for each time. */
  #note(error: unknown): void {
    if (!this.#failed && !this.#isOver)
      this.#parts.logger?.warn({ error }, `Errand could not ${this.#parts.what}; it will try again`);
    this.#failed = true;
  }
}
