/** Lets calls that concern one id act one after the other, in the order in which they came. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Acts at once where nobody is before it; otherwise when the one before has settled, however that ended. */
  async take<T>(id: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(id);
    const acted = before === undefined ? act() : before.then(act);
    const over = acted.then(ignore, ignore);
    this.#last.set(id, over);
    try {
      return await acted;
    } finally {
      if (this.#last.get(id) === over) this.#last.delete(id);
    }
  }
}

function ignore(): void {
  // Whoever comes next only waits for the end.
}
