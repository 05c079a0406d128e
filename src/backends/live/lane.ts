import type { RunKind } from '../../task/run.js';
import { noCounts, type RunStatus } from '../../task/status.js';
import { Heap, type Heaped } from '../../timing/heap.js';
import { type ListNode, RunList } from './run-list.js';

/** A queue: what pause acts on. */
export interface QueueState {
  readonly name: string;
  paused: boolean;
  queued: number;
  /** How many lanes lead to it. */
  lanes: number;
}

/** What a lane has to know of its members. */
export interface LaneMember extends ListNode {
  readonly priority: number;
  /** Counts what was queued: smaller goes first. The time of day would not do, it may go back. */
  turn: number;
}

interface Bucket<T extends LaneMember> {
  readonly priority: number;
  readonly runs: RunList<T>;
}

/**
 * The lanes of one kind and task, whatever their queues: they take the same slots, so that only the first of them has to
 * be looked at. Names of queues may be as many as runs.
 */
export class LaneGroup<T extends LaneMember> {
  readonly kind: RunKind;
  readonly task: string | null;
  /** How many lanes there are, whether somebody stands in them or not. */
  lanes = 0;
  /** Where it stands among the groups that have a run to deliver. */
  place = -1;
  readonly #ready = new Heap<Lane<T>>(firstGoesBefore);

  constructor(kind: RunKind, task: string | null) {
    this.kind = kind;
    this.task = task;
  }

  /** The run that goes next, of those whose queues are not paused. */
  get first(): T | undefined {
    return this.#ready.first?.first;
  }

  /** Another run is the first of a lane, or the lane's queue was paused or resumed. */
  arrange(lane: Lane<T>): void {
    if (lane.first === undefined || lane.queue.paused) this.#ready.remove(lane);
    else this.#ready.put(lane);
  }
}

/**
 * The runs of one kind, task and queue: those that are `queued`, in the order in which they go, and how many there are
 * of each status. One lane for each, because a task at its limit must not hold up the others.
 */
export class Lane<T extends LaneMember> implements Heaped {
  readonly group: LaneGroup<T>;
  readonly kind: RunKind;
  readonly task: string | null;
  readonly queue: QueueState;
  readonly counts: Record<RunStatus, number> = noCounts();
  /** How many records name it, whatever their status. */
  records = 0;
  /** How many runs stand in it. */
  length = 0;
  index = -1;
  /** One list for each priority in use, highest first. The last list stays when it is empty: most lanes need but one. */
  #buckets: Bucket<T>[] = [];

  constructor(group: LaneGroup<T>, queue: QueueState) {
    this.group = group;
    this.kind = group.kind;
    this.task = group.task;
    this.queue = queue;
  }

  /** The one that goes next. */
  get first(): T | undefined {
    return this.#buckets[0]?.runs.first;
  }

  /** It is the only one of its group, as most are: whoever is its first, it stays in its place. */
  get isAlone(): boolean {
    return this.group.lanes === 1;
  }

  /** Puts a run behind all others of its priority. */
  push(run: T): void {
    this.#bucketOf(run.priority).runs.push(run);
    this.length += 1;
    this.queue.queued += 1;
  }

  /** Takes a run out, wherever it stands. */
  remove(run: T): void {
    run.unlink();
    this.length -= 1;
    this.queue.queued -= 1;
    if (this.#buckets.length === 1) return;
    const at = this.#placeOf(run.priority);
    if (this.#buckets[at]?.runs.first === undefined) this.#buckets.splice(at, 1);
  }

  #bucketOf(priority: number): Bucket<T> {
    const at = this.#placeOf(priority);
    const found = this.#buckets[at];
    if (found?.priority === priority) return found;
    const bucket = { priority, runs: new RunList<T>() };
    if (this.length === 0) this.#buckets = [bucket];
    else this.#buckets.splice(at, 0, bucket);
    return bucket;
  }

  /** Where the list of this priority stands, or would stand. */
  #placeOf(priority: number): number {
    let low = 0;
    let high = this.#buckets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const bucket = this.#buckets[middle];
      if (bucket === undefined || bucket.priority <= priority) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function firstGoesBefore(a: Lane<LaneMember>, b: Lane<LaneMember>): boolean {
  const { first } = a;
  const other = b.first;
  return first !== undefined && other !== undefined && goesBefore(first, other);
}

/** Whether `a` goes before `b`: by priority, then in the order in which they were queued. */
export function goesBefore(a: LaneMember, b: LaneMember): boolean {
  return a.priority === b.priority ? a.turn < b.turn : a.priority > b.priority;
}
