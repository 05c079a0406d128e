import type { RunKind } from '../../task/run.js';
import type { RunStatus } from '../../task/status.js';
import { type ListNode, RunList } from './run-list.js';

/** A queue: what pause acts on. */
export interface QueueState {
  readonly name: string;
  paused: boolean;
  queued: number;
}

/** What a lane has to know of its members. */
export interface LaneMember extends ListNode {
  readonly priority: number;
  readonly ordinal: number;
  readonly updatedAt: number;
}

interface Bucket<T extends LaneMember> {
  readonly priority: number;
  readonly runs: RunList<T>;
}

/**
 * The runs of one kind, task and queue: those that are `queued`, in the order in which they go, and how many there are
 * of each status. One lane for each, because a task at its limit must not hold up the others.
 */
export class Lane<T extends LaneMember> {
  readonly kind: RunKind;
  readonly task: string | null;
  readonly queue: QueueState;
  readonly counts: Record<RunStatus, number> = noCounts();
  /** One list for each priority in use, highest first. */
  readonly #buckets: Bucket<T>[] = [];

  constructor(kind: RunKind, task: string | null, queue: QueueState) {
    this.kind = kind;
    this.task = task;
    this.queue = queue;
  }

  /** The one that goes next. */
  get first(): T | undefined {
    for (;;) {
      const bucket = this.#buckets[0];
      const first = bucket?.runs.first;
      if (bucket === undefined || first !== undefined) return first;
      this.#buckets.shift();
    }
  }

  /** Puts a run behind all others of its priority. */
  push(run: T): void {
    this.#bucketOf(run.priority).runs.push(run);
    this.queue.queued += 1;
  }

  /** Takes a run out, wherever it stands. */
  remove(run: T): void {
    run.unlink();
    this.queue.queued -= 1;
  }

  #bucketOf(priority: number): Bucket<T> {
    let at = 0;
    for (; at < this.#buckets.length; at += 1) {
      const bucket = this.#buckets[at];
      if (bucket === undefined || bucket.priority < priority) break;
      if (bucket.priority === priority) return bucket;
    }
    const bucket = { priority, runs: new RunList<T>() };
    this.#buckets.splice(at, 0, bucket);
    return bucket;
  }
}

/** Whether `a` goes before `b`: by priority, then by the time they were queued, then by the order of acceptance. */
export function goesBefore(a: LaneMember, b: LaneMember): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.updatedAt !== b.updatedAt) return a.updatedAt < b.updatedAt;
  return a.ordinal < b.ordinal;
}

/** Nothing of any status. */
export function noCounts(): Record<RunStatus, number> {
  return { scheduled: 0, queued: 0, running: 0, retrying: 0, cancelling: 0, completed: 0, failed: 0, cancelled: 0 };
}
