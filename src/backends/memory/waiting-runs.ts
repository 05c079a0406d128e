import type { RunKind } from '../../task/run.js';
import { goesBefore, Lane, type QueueState } from './lane.js';
import type { RunRecord } from './run-record.js';

/** How many more runs of this kind and task may be delivered now. */
export type FreeSlots = (kind: RunKind, task: string | null) => number;

/** Every queue and its lanes: says which run goes next. */
export class WaitingRuns {
  readonly #queues = new Map<string, QueueState>();
  readonly #lanes = new Map<string, Lane<RunRecord>>();
  /** The same lanes, to walk through at each delivery. */
  readonly #order: Lane<RunRecord>[] = [];
  /** Most starts name the lane that the start before them named. */
  #last: Lane<RunRecord> | undefined;

  get lanes(): readonly Lane<RunRecord>[] {
    return this.#order;
  }

  get queues(): Iterable<QueueState> {
    return this.#queues.values();
  }

  /** The lane of these, made when it is first asked for. */
  lane(kind: RunKind, task: string | null, queue: string): Lane<RunRecord> {
    const last = this.#last;
    if (last !== undefined && last.task === task && last.queue.name === queue && last.kind === kind) return last;
    // Names hold no space, so the parts cannot run into one another.
    const key = `${kind} ${queue} ${task ?? ''}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(kind, task, this.queue(queue));
      this.#lanes.set(key, lane);
      this.#order.push(lane);
    }
    this.#last = lane;
    return lane;
  }

  /** The queue of this name, made when it is first asked for. */
  queue(name: string): QueueState {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = { name, paused: false, queued: 0 };
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** The run that goes next, of those in lanes that have a free slot and a queue that is not paused. */
  next(freeSlots: FreeSlots): RunRecord | undefined {
    let best: RunRecord | undefined;
    for (const lane of this.#order) {
      if (lane.counts.queued === 0 || lane.queue.paused) continue;
      const first = lane.first;
      if (first === undefined || (best !== undefined && goesBefore(best, first))) continue;
      if (freeSlots(lane.kind, lane.task) > 0) best = first;
    }
    return best;
  }
}
