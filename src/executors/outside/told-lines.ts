import type { Clock } from '../../ports/clock.js';
import type { LogLevel } from '../../task/run-event.js';

const WINDOW_MS = 100;
const MOST_IN_WINDOW = 1_000;
/** The manager cuts lines there, too. */
const MAX_LINE = 8_192;

/**
 * The log of a handler in a thread. Nobody takes lines away while a loop goes on writing them, so there is a bound: 1,000
 * in a tenth of a second. What is above it is left out, and counted.
 */
export class ToldLines {
  readonly #say: (level: LogLevel, line: string) => void;
  readonly #clock: Clock;
  #windowEnds = -Infinity;
  #inWindow = 0;
  #leftOut = 0;

  constructor(say: (level: LogLevel, line: string) => void, clock: Clock) {
    this.#say = say;
    this.#clock = clock;
  }

  write(level: LogLevel, message: unknown): void {
    const now = this.#clock.monotonic();
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + WINDOW_MS;
      this.#inWindow = 0;
      this.flush();
    }
    this.#inWindow += 1;
    if (this.#inWindow > MOST_IN_WINDOW) this.#leftOut += 1;
    else this.#say(level, String(message).slice(0, MAX_LINE));
  }

  /** Says how many lines were left out since it was said last. */
  flush(): void {
    if (this.#leftOut === 0) return;
    this.#say(
      'warn',
      `${this.#leftOut} lines were left out: there were more than ${MOST_IN_WINDOW} in ${WINDOW_MS} ms`,
    );
    this.#leftOut = 0;
  }
}
