/**
 * A member of a {@link RunList}. A run is in at most one list at a time: a lane while it waits, a shelf once it has
 * ended.
 */
export class ListNode {
  prev: ListNode | null = null;
  next: ListNode | null = null;

  /** Leaves the list it is in, if any. O(1). */
  unlink(): void {
    if (this.prev === null || this.next === null) return;
    this.prev.next = this.next;
    this.next.prev = this.prev;
    this.prev = null;
    this.next = null;
  }
}

/** A doubly linked ring around a sentinel: push, shift and removal from the middle are O(1) and allocate nothing. */
export class RunList<T extends ListNode> {
  readonly #sentinel = new ListNode();

  constructor() {
    this.#sentinel.prev = this.#sentinel;
    this.#sentinel.next = this.#sentinel;
  }

  /** The oldest member. */
  get first(): T | undefined {
    const first = this.#sentinel.next;
    // Only members of type T are ever linked in.
    return first === this.#sentinel ? undefined : (first as T);
  }

  push(node: T): void {
    const last = this.#sentinel.prev ?? this.#sentinel;
    node.prev = last;
    node.next = this.#sentinel;
    last.next = node;
    this.#sentinel.prev = node;
  }
}
