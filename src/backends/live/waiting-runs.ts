import type { NewRun } from '../../ports/new-run.js';
import type { RunKind } from '../../task/run.js';
import { goesBefore, Lane, type QueueState } from './lane.js';
import type { RunRecord } from './run-record.js';

/** How many more runs of this kind and task may be delivered now. */
export type FreeSlots = (kind: RunKind, task: string | null) => number;

/**
 * Every queue and its lanes: says which run goes next. Names of queues may come and go without end: a lane is there as
 * long as a record names it, a queue as long as a lane leads to it or it is paused.
 */
export class WaitingRuns {
  readonly #queues = new Map<string, QueueState>();
  readonly #lanes = new Map<string, Lane<RunRecord>>();
  /** Those that somebody stands in, to walk through at each delivery. */
  readonly #busy: Lane<RunRecord>[] = [];
  /** Most starts name the lane that the start before them named. */
  #last: Lane<RunRecord> | undefined;
  #turns = 0;

  get lanes(): Iterable<Lane<RunRecord>> {
    return this.#lanes.values();
  }

  get queues(): Iterable<QueueState> {
    return this.#queues.values();
  }

  /** The lane of a run whose record is about to be made; {@link leave} it when that is no longer kept. */
  join(run: NewRun): Lane<RunRecord> {
    const lane = this.#laneOf(run);
    lane.records += 1;
    return lane;
  }

  /** A record that named this lane is no longer kept. */
  leave(lane: Lane<RunRecord>): void {
    lane.records -= 1;
    if (lane.records > 0) return;
    this.#lanes.delete(keyOf(lane.kind, lane.task, lane.queue.name));
    if (this.#last === lane) this.#last = undefined;
    lane.queue.lanes -= 1;
    this.#dropUnused(lane.queue);
  }

  pause(name: string): void {
    this.#queue(name).paused = true;
  }

  resume(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    queue.paused = false;
    this.#dropUnused(queue);
  }

  /** Puts a run behind all others of its lane and priority. */
  push(record: RunRecord): void {
    const { lane } = record;
    record.turn = this.#turns += 1;
    if (lane.length === 0) lane.place = this.#busy.push(lane) - 1;
    lane.push(record);
  }

  /** Takes a run out of its lane. */
  remove(record: RunRecord): void {
    const { lane } = record;
    lane.remove(record);
    if (lane.length > 0) return;
    const last = this.#busy.pop();
    if (last === undefined || last === lane) return;
    this.#busy[lane.place] = last;
    last.place = lane.place;
  }

  /** The run that goes next, of those in lanes that have a free slot and a queue that is not paused. */
  next(freeSlots: FreeSlots): RunRecord | undefined {
    let best: RunRecord | undefined;
    for (const lane of this.#busy) {
      if (lane.queue.paused) continue;
      const first = lane.first;
      if (first === undefined || (best !== undefined && goesBefore(best, first))) continue;
      if (freeSlots(lane.kind, lane.task) > 0) best = first;
    }
    return best;
  }

  #laneOf({ kind, task, queue }: NewRun): Lane<RunRecord> {
    const last = this.#last;
    if (last !== undefined && last.task === task && last.queue.name === queue && last.kind === kind) return last;
    const key = keyOf(kind, task, queue);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(kind, task, this.#queue(queue));
      lane.queue.lanes += 1;
      this.#lanes.set(key, lane);
    }
    this.#last = lane;
    return lane;
  }

  /** The queue of this name, made when it is first asked for. */
  #queue(name: string): QueueState {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = { name, paused: false, queued: 0, lanes: 0 };
      this.#queues.set(name, queue);
    }
    return queue;
  }

  #dropUnused(queue: QueueState): void {
    if (queue.lanes === 0 && !queue.paused) this.#queues.delete(queue.name);
  }
}

/** Names hold no space, so the parts cannot run into one another. */
function keyOf(kind: RunKind, task: string | null, queue: string): string {
  return `${kind} ${queue} ${task ?? ''}`;
}
