import { nextTurn } from '../timing/next-turn.js';

/**
 * A pass that waits in its slot for an item that is about to come: leaving and lining up again for each item of a fast
 * source costs more than the item. It waits for one turn of the event loop at most.
 */
export class Linger {
  #wake: (() => void) | undefined;
  #turnAwaited = false;

  /** Whether somebody waits. There is room for one. */
  get active(): boolean {
    return this.#wake !== undefined;
  }

  /** Resolves when {@link end} is called, or in the next turn of the event loop. */
  begin(): Promise<void> {
    if (!this.#turnAwaited) {
      this.#turnAwaited = true;
      nextTurn(() => {
        this.#turnAwaited = false;
        this.end();
      });
    }
    return new Promise((resolve) => (this.#wake = resolve));
  }

  end(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
