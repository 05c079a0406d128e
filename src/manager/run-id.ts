import { nodeCrypto } from '../timing/node-crypto.js';
import type { Clock } from '../ports/clock.js';

const ALPHABET = Uint8Array.from('0123456789abcdefghjkmnpqrstvwxyz', (char) => char.charCodeAt(0));
const TIME_CHARS = 10;
const COUNT_CHARS = 3;
const RANDOM_CHARS = 13;
const MAX_COUNT = 32 ** COUNT_CHARS - 1;

/**
 * Makes ids that sort by time and cannot be guessed: ten characters of milliseconds, three that count within one
 * millisecond, thirteen (65 bits) from the system's random source, in Crockford's base 32.
 */
export class RunIds {
  readonly #clock: Clock;
  /** No typed array: fromCharCode takes a plain one in a third less time. */
  readonly #id = new Array<number>(TIME_CHARS + COUNT_CHARS + RANDOM_CHARS).fill(0);
  readonly #pool = new Uint8Array(RANDOM_CHARS * 512);
  #used = this.#pool.length;
  #time = 0;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  next(): string {
    this.#tick();
    if (this.#used === this.#pool.length) {
      nodeCrypto().randomFillSync(this.#pool);
      this.#used = 0;
    }
    for (let at = 0; at < RANDOM_CHARS; at += 1)
      this.#id[TIME_CHARS + COUNT_CHARS + at] = ALPHABET[(this.#pool[this.#used + at] ?? 0) % 32] ?? 0;
    this.#used += RANDOM_CHARS;
    // One flat string: pieces joined with + are kept as pieces, and as the key of a Map weigh five times as much.
    return String.fromCharCode(...this.#id);
  }

  /** The time of day may stand still or go back; the ids go on. */
  #tick(): void {
    const now = this.#clock.now();
    if (now > this.#time) {
      this.#time = now;
      this.#count = 0;
      this.#write(this.#time, 0, TIME_CHARS);
    } else if (this.#count < MAX_COUNT) this.#count += 1;
    else {
      this.#time += 1;
      this.#count = 0;
      this.#write(this.#time, 0, TIME_CHARS);
    }
    this.#write(this.#count, TIME_CHARS, COUNT_CHARS);
  }

  #write(value: number, from: number, chars: number): void {
    let rest = value;
    for (let at = from + chars - 1; at >= from; at -= 1) {
      this.#id[at] = ALPHABET[rest % 32] ?? 0;
      rest = Math.floor(rest / 32);
    }
  }
}
