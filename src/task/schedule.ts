import type { ErrorCode } from './errors.js';
import type { AnyTask } from './task.js';

/** Due at times of the calendar: see `docs/schedules.md` for what happens when clocks are changed. */
export interface CronPlan {
  /** Five fields: minute, hour, day of month, month, day of week. At most 256 characters. */
  readonly cron: string;
  /** An IANA name; `UTC` unless given. */
  readonly timeZone: string;
}

/** Due at `anchorAt` and every `everyMs` before and after it, whatever the clocks of any place show. */
export interface IntervalPlan {
  /** In milliseconds, an integer from 1,000 to ten years. */
  readonly everyMs: number;
  /**
   * In epoch milliseconds. Unless given it is 0: an hour is then a full hour of UTC, and a schedule that is put again
   * whenever its application starts is due at the same times as before.
   */
  readonly anchorAt: number;
}

/** When a schedule is due. A plain value that survives JSON. */
export type Plan = CronPlan | IntervalPlan;

/**
 * What becomes of a due time while the schedule's last run, due or triggered, has not ended. `'skip'`: no run is
 * started for it. `'queue'`: it waits, at most 100 of them, and they begin one after the other. `'cancel-previous'`: that
 * run is cancelled, and the new one starts when it has ended; a newer due time takes the place of one that waits for it.
 */
export type Overlap = 'skip' | 'queue' | 'cancel-previous';

/** Which of the due times that were missed are made up for: none, the last one, or the last 100. */
export type CatchUp = 'none' | 'last' | 'all';

/** {@link Overlap} and {@link CatchUp}, for checks. */
export const OVERLAPS = ['skip', 'queue', 'cancel-previous'] as const satisfies readonly Overlap[];
/** What `catchUp` may be. */
export const CATCH_UPS = ['none', 'last', 'all'] as const satisfies readonly CatchUp[];

/** The most due times of one schedule that wait for their turn. */
export const MAX_WAITING = 100;

/** What `schedules.put` takes: `cron` or `everyMs`, and what is to run. */
export interface ScheduleDefinition {
  /** A task, or the name of one that is registered. */
  readonly task: AnyTask | string;
  /** What each run is given: stored as text, at most 1 MiB of it, and read anew for each run. */
  readonly input?: unknown;
  /** Five fields: minute, hour, day of month, month, day of week. */
  readonly cron?: string;
  /** With `cron`: an IANA name. Default `UTC`. */
  readonly timeZone?: string;
  /** In milliseconds: an integer from 1,000 to ten years. */
  readonly everyMs?: number;
  /** With `everyMs`: an instant at which it is due, in epoch milliseconds. Default 0. */
  readonly anchorAt?: number;
  /** Default `'skip'`. */
  readonly overlap?: Overlap;
  /** For due times that are noticed more than 10 s late. Default `'none'`. */
  readonly catchUp?: CatchUp;
  /** Each run begins up to so many milliseconds after its due time: 0 to a day. Default 0. */
  readonly jitterMs?: number;
  /** Whether it is paused. Unless given, as it was; a new one is not. */
  readonly paused?: boolean;
  /** The priority of its runs: -1000 to 1000. The task's unless given. */
  readonly priority?: number;
  /** The tags of its runs, at most 16. */
  readonly tags?: readonly string[];
  /** Whose its runs are. */
  readonly owner?: string;
  /** Its runs fail as `QUEUE_EXPIRED` where they have not begun so long after they were started; more than `jitterMs`. */
  readonly expiresInMs?: number;
}

/** The run that a schedule started last. */
export interface LastRun {
  readonly id: string;
  /** When it was started, in epoch milliseconds. */
  readonly at: number;
  /** For which due time; null where it was triggered. */
  readonly dueAt: number | null;
}

/** Why no run could be started for a due time. */
export interface ScheduleError {
  readonly code: ErrorCode;
  readonly message: string;
  /** When that was, in epoch milliseconds. */
  readonly at: number;
  /** For which due time; null where none could be computed. */
  readonly dueAt: number | null;
}

/** A snapshot of a schedule. Instants are epoch milliseconds. */
export interface Schedule {
  readonly id: string;
  /** Grows with everything that happens to the schedule, from 1. */
  readonly version: number;
  readonly task: string;
  /** Null where it is due by an interval, as `timeZone` is. */
  readonly cron: string | null;
  readonly timeZone: string | null;
  /** Null where it is due by the calendar, as `anchorAt` is. */
  readonly everyMs: number | null;
  readonly anchorAt: number | null;
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  readonly jitterMs: number;
  readonly paused: boolean;
  /** The priority of its runs; null: the task's. */
  readonly priority: number | null;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly expiresInMs: number | null;
  readonly createdAt: number;
  /** When it was put, paused or resumed last. */
  readonly updatedAt: number;
  /** When it is due next; null while it is paused, and where no due time comes. */
  readonly nextAt: number | null;
  readonly lastRun: LastRun | null;
  /** Due times for which no run was started, since the schedule was made; those during a pause are not among them. */
  readonly skipped: number;
  /** Due times that wait for their turn. */
  readonly waiting: number;
  /** Why the last due time that was tried got no run; null once a later one has got one. */
  readonly lastError: ScheduleError | null;
}
