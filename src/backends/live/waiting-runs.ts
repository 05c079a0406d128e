import type { NewRun } from '../../ports/new-run.js';
import type { RunKind } from '../../task/run.js';
import { goesBefore, Lane, LaneGroup, type QueueState } from './lane.js';
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
  readonly #groups = new Map<string, LaneGroup<RunRecord>>();
  /** Those that have a run to deliver, to walk through at each delivery. */
  readonly #ready: LaneGroup<RunRecord>[] = [];
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
    lane.group.lanes -= 1;
    if (lane.group.lanes === 0) this.#groups.delete(groupKeyOf(lane.kind, lane.task));
    lane.queue.lanes -= 1;
    this.#dropUnused(lane.queue);
  }

  pause(name: string): void {
    this.#setPaused(this.#queue(name), true);
  }

  resume(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    this.#setPaused(queue, false);
    this.#dropUnused(queue);
  }

  /** Puts a run behind all others of its lane and priority. */
  push(record: RunRecord): void {
    const { lane } = record;
    record.turn = this.#turns += 1;
    lane.push(record);
    if (lane.first === record && (lane.length === 1 || !lane.isAlone)) this.#arrange(lane);
  }

  /** Takes a run out of its lane. */
  remove(record: RunRecord): void {
    const { lane } = record;
    const wasFirst = lane.first === record;
    lane.remove(record);
    if (wasFirst && (lane.length === 0 || !lane.isAlone)) this.#arrange(lane);
  }

  /** The run that goes next, of those in lanes that have a free slot and a queue that is not paused. */
  next(freeSlots: FreeSlots): RunRecord | undefined {
    let best: RunRecord | undefined;
    for (const { first, kind, task } of this.#ready) {
      if (first === undefined || (best !== undefined && goesBefore(best, first))) continue;
      if (freeSlots(kind, task) > 0) best = first;
    }
    return best;
  }

  #setPaused(queue: QueueState, paused: boolean): void {
    queue.paused = paused;
    for (const lane of this.#lanes.values()) if (lane.queue === queue) this.#arrange(lane);
  }

  /** Another run is the first of a lane, or the lane's queue was paused or resumed. */
  #arrange(lane: Lane<RunRecord>): void {
    const { group } = lane;
    group.arrange(lane);
    const isReady = group.first !== undefined;
    if (isReady === group.place >= 0) return;
    if (isReady) group.place = this.#ready.push(group) - 1;
    else this.#unready(group);
  }

  #unready(group: LaneGroup<RunRecord>): void {
    const last = this.#ready.pop();
    if (last !== undefined && last !== group) {
      this.#ready[group.place] = last;
      last.place = group.place;
    }
    group.place = -1;
  }

  #laneOf({ kind, task, queue }: NewRun): Lane<RunRecord> {
    const last = this.#last;
    if (last !== undefined && last.task === task && last.queue.name === queue && last.kind === kind) return last;
    const key = keyOf(kind, task, queue);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(this.#groupOf(kind, task), this.#queue(queue));
      lane.group.lanes += 1;
      lane.queue.lanes += 1;
      this.#lanes.set(key, lane);
    }
    this.#last = lane;
    return lane;
  }

  #groupOf(kind: RunKind, task: string | null): LaneGroup<RunRecord> {
    const key = groupKeyOf(kind, task);
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = new LaneGroup(kind, task)));
    return group;
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
  return `${queue} ${groupKeyOf(kind, task)}`;
}

function groupKeyOf(kind: RunKind, task: string | null): string {
  return `${kind} ${task ?? ''}`;
}
