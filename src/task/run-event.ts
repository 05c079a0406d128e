import type { Progress, Run, RunError } from './run.js';
import type { RunStatus } from './status.js';

/** How much a line of a run's log matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One line that a handler wrote with `ctx.log`. */
export interface LogLine {
  readonly level: LogLevel;
  /** At most 8,192 characters; longer ones are cut. */
  readonly message: string;
}

/** What every event says. */
export interface EventBase {
  /** Grows by at least one from event to event of a run. */
  readonly seq: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly runId: string;
  readonly task: string | null;
  readonly tags: readonly string[];
  readonly status: RunStatus;
  readonly attempt: number;
}

/** Everything that can happen to a run after it was accepted. All data is JSON; a result is never in it. */
export type RunChange =
  | { readonly type: 'run:scheduled'; readonly dueAt: number }
  | { readonly type: 'run:queued' }
  | { readonly type: 'run:started' }
  | { readonly type: 'run:progress'; readonly progress: Progress }
  | ({ readonly type: 'run:log' } & LogLine)
  | { readonly type: 'run:retrying'; readonly error: RunError; readonly dueAt: number; readonly abandoned: boolean }
  | { readonly type: 'run:cancelling'; readonly reason: string | null; readonly by: string }
  | { readonly type: 'run:completed' }
  | { readonly type: 'run:failed'; readonly error: RunError; readonly abandoned: boolean }
  | { readonly type: 'run:cancelled'; readonly reason: string | null; readonly abandoned: boolean };

/** One thing that happened to one run. The last of a run is `run:completed`, `run:failed` or `run:cancelled`. */
export type RunEvent = EventBase & RunChange;

/** How a stream of one run's events begins: the run as it is, without its result. */
export type SnapshotEvent = EventBase & { readonly type: 'run:snapshot'; readonly run: Omit<Run, 'result'> };

/** Told once to a reader that fell more than 1,000 events behind, in place of those it missed. */
export interface GapEvent {
  readonly type: 'run:gap';
  /** How many events were dropped. */
  readonly missed: number;
  readonly at: number;
}

/** What `manager.events()` and `run.events()` yield. */
export type StreamedEvent = RunEvent | SnapshotEvent | GapEvent;

/** Whether this event is a run's last. */
export function isFinalEvent(event: { readonly type: string }): boolean {
  return event.type === 'run:completed' || event.type === 'run:failed' || event.type === 'run:cancelled';
}
