import type { RunKind } from '../../../task/run.js';

/**
 * The runs that wait in one line: those of one task (or the ad-hoc functions of one process) in one queue. Each lane is a
 * queue of BullMQ, so that a task without a free slot, or nobody to run it, holds up no other.
 */
export interface LaneId {
  readonly queue: string;
  readonly kind: RunKind;
  /** Null: ad-hoc functions, which never leave their process. */
  readonly task: string | null;
  /** The process of ad-hoc functions; null for tasks. */
  readonly process: string | null;
}

/** The name of a lane, as BullMQ takes it: without a colon. */
export function laneNameOf({ queue, kind, task, process }: LaneId): string {
  const name = `${queue}|${kind}|${task ?? ''}|${process ?? ''}`;
  return name.includes(':') ? name.replaceAll(':', '%') : name;
}

/** How many names are remembered: those of functions end with their processes. */
const MAX_REMEMBERED = 1_000;
const remembered = new Map<string, LaneId>();

/** Reads what {@link laneNameOf} wrote: no name of ours has a `|` or a `%`. Asked for each run, so that it remembers. */
export function readLaneName(name: string): LaneId {
  let id = remembered.get(name);
  if (id === undefined) {
    id = Object.freeze(parse(name));
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(name, id);
  }
  return id;
}

function parse(name: string): LaneId {
  const [queue = '', kind, task = '', process = ''] = name.split('|').map((part) => part.replaceAll('%', ':'));
  return { queue, kind: kind === 'import' ? 'import' : 'run', task: task || null, process: process || null };
}

/** The kind of a lane, where nothing else of its name is wanted: for each run. */
export function kindOfLane(name: string): RunKind {
  return readLaneName(name).kind;
}
