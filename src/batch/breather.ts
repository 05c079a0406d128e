import { nextTurn, TURN_MS } from '../timing/next-turn.js';

// Taken when the module is loaded: fake timers of a test must not freeze a batch.
const now = performance.now.bind(performance);

/** Looking at the time costs as much as a short handler: it is done once in so many items. */
const LOOK_EVERY = 16;

/** Gives the event loop a turn now and then, however fast the items are. */
export class Breather {
  #items = 0;
  #since = now();
  #resting: Promise<void> | undefined;

  /** To be asked once per item: whether it is time to {@link rest}. */
  due(): boolean {
    this.#items += 1;
    return this.#items % LOOK_EVERY === 0 && now() - this.#since > TURN_MS;
  }

  /** Resolves in the next turn of the event loop, for all passes at once: each on its own would take a share as long. */
  rest(): Promise<void> {
    return (this.#resting ??= this.#untilNextTurn());
  }

  async #untilNextTurn(): Promise<void> {
    await new Promise<void>(nextTurn);
    this.#since = now();
    this.#resting = undefined;
  }
}
