import type { Logger } from '../../../ports/logger.js';

/** Says once that a server is lost, and once that it is back. */
export class Outage {
  readonly #title: string;
  readonly #logger: Logger | undefined;
  readonly #onBack: () => void;
  #lost = false;

  /** @param onBack told each time that it is back. Must not throw. */
  constructor(title: string, logger: Logger | undefined, onBack: () => void) {
    this.#title = title;
    this.#logger = logger;
    this.#onBack = onBack;
  }

  /** It did not answer. */
  begin(reason: unknown): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#logger?.warn({ err: reason }, `The connection to ${this.#title} is lost; it is being made again`);
  }

  /** It has answered. */
  end(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#logger?.info({}, `The connection to ${this.#title} is back`);
    this.#onBack();
  }
}
