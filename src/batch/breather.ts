import { nextTurn } from '../timing/next-turn.js';
import { TurnShare } from '../timing/turn-share.js';

// Taken when the module is loaded: fake timers of a test must not freeze a batch.
const now = performance.now.bind(performance);

/** Gives the event loop a turn now and then, however fast the items are. */
export class Breather {
  readonly #share = new TurnShare(now);
  #resting: Promise<void> | undefined;

  /** To be asked once per item: whether it is time to {@link rest}. */
  due(): boolean {
    return this.#share.isOver();
  }

  /** Resolves in the next turn of the event loop, for all passes at once: each on its own would take a share as long. */
  rest(): Promise<void> {
    return (this.#resting ??= this.#untilNextTurn());
  }

  async #untilNextTurn(): Promise<void> {
    await new Promise<void>(nextTurn);
    this.#share.renew();
    this.#resting = undefined;
  }
}
