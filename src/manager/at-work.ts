/** A member of {@link AtWork}, which keeps the place up to date. */
export interface Placed {
  placeAtWork: number;
}

/**
 * Those who are at work, in no order. An array in which the last member takes the place of one that leaves: members of
 * a Set come and go at ten times the price.
 */
export class AtWork<T extends Placed> implements Iterable<T> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: T): void {
    member.placeAtWork = this.#members.length;
    this.#members.push(member);
  }

  /** Takes out a member, which must be one. */
  delete(member: T): void {
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[member.placeAtWork] = last;
    last.placeAtWork = member.placeAtWork;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#members.values();
  }
}
