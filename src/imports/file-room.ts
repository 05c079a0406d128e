/** How many bytes several files may take up together. Taken before they are written, given back when they are gone. */
export class FileRoom {
  readonly #limit: number;
  #taken = 0;

  /** @param limit in bytes, or `Infinity`. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many bytes may still be taken. */
  get left(): number {
    return this.#limit - this.#taken;
  }

  /** Takes room for so many bytes; takes none, and gives false, where there is not enough. */
  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.#taken += bytes;
    return true;
  }

  /** Takes room for what is there already, whether there is enough or not. */
  fill(bytes: number): void {
    this.#taken += bytes;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#taken -= bytes;
  }
}
