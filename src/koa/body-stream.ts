import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { bodyStalled, StallTimer, type BodyPatience } from './body-patience.js';

/**
 * The body of a request as it comes, which fails where nothing more of it comes (`RequestError` 408) or its client
 * leaves. Unlike the request it can be destroyed without its connection, on which there may be an answer to give:
 * only somebody else's error ends that too. Nothing is read before the stream is.
 */
export class BodyStream extends Readable {
  readonly #req: IncomingMessage;
  readonly #timer: StallTimer;
  #stalled = false;
  #begun = false;

  constructor(req: IncomingMessage, patience: BodyPatience) {
    super({ highWaterMark: 65_536 });
    this.#req = req;
    this.#timer = new StallTimer(patience, () => {
      this.#stalled = true;
      this.destroy(bodyStalled());
    });
    this.on('error', nothing); // a client may leave when nobody reads
  }

  override _read(): void {
    if (!this.#begun) this.#begin();
    if (this.destroyed) return; // the client had left before
    this.#timer.wait();
    this.#req.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#timer.stop();
    this.#req.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    if (error !== null && !this.#stalled) this.#req.destroy();
    done(error);
  }

  #begin(): void {
    this.#begun = true;
    this.#req.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    if (this.#req.destroyed) this.#onClose();
  }

  readonly #onData = (piece: Buffer): void => {
    if (this.push(piece)) {
      this.#timer.wait();
      return;
    }
    // The client waits for whoever reads, not the other way round.
    this.#timer.stop();
    this.#req.pause();
  };

  readonly #onEnd = (): void => {
    this.#timer.stop();
    this.push(null);
  };

  readonly #onClose = (): void => {
    if (!this.#req.readableEnded) this.destroy(new Error('The client left in the middle of the body'));
  };
}

function nothing(): void {
  // See where it is used.
}
