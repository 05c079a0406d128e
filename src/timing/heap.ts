/** A member of a {@link Heap}, which keeps its place up to date. */
export interface Heaped {
  /** Where it stands in the heap; -1 where it stands in none. */
  index: number;
}

/** A binary heap whose members can leave from anywhere: to come, to go and to move cost O(log n). */
export class Heap<T extends Heaped> {
  readonly #members: T[] = [];
  readonly #goesBefore: (a: T, b: T) => boolean;

  /** @param goesBefore whether `a` goes before `b`; what it says of two members changes with {@link put} only. */
  constructor(goesBefore: (a: T, b: T) => boolean) {
    this.#goesBefore = goesBefore;
  }

  get size(): number {
    return this.#members.length;
  }

  /** The member that goes before all others. */
  get first(): T | undefined {
    return this.#members[0];
  }

  /** Takes in a new member, or puts one in its place again that goes before others than it did. */
  put(member: T): void {
    if (member.index < 0) member.index = this.#members.push(member) - 1;
    this.#up(member);
    this.#down(member);
  }

  /** Takes a member out, if it is one. */
  remove(member: T): void {
    if (member.index < 0) return;
    const last = this.#members.pop();
    if (last !== undefined && last !== member) {
      last.index = member.index;
      this.#members[member.index] = last;
      this.put(last);
    }
    member.index = -1;
  }

  /** Takes all of them out. */
  clear(): void {
    for (const member of this.#members) member.index = -1;
    this.#members.length = 0;
  }

  #up(member: T): void {
    let at = member.index;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#members[parentAt];
      if (parent === undefined || !this.#goesBefore(member, parent)) break;
      this.#set(parent, at);
      at = parentAt;
    }
    this.#set(member, at);
  }

  #down(member: T): void {
    let at = member.index;
    for (;;) {
      const child = this.#earlierChild(at);
      if (child === undefined || !this.#goesBefore(child, member)) break;
      const childAt = child.index;
      this.#set(child, at);
      at = childAt;
    }
    this.#set(member, at);
  }

  #earlierChild(at: number): T | undefined {
    const left = this.#members[2 * at + 1];
    const right = this.#members[2 * at + 2];
    return left !== undefined && right !== undefined && this.#goesBefore(right, left) ? right : left;
  }

  #set(member: T, at: number): void {
    this.#members[at] = member;
    member.index = at;
  }
}
