import type { StoredSchedule } from '../ports/schedules.js';
import { MAX_WAITING } from '../task/schedule.js';
import { dueBetween, missedDue } from './due.js';

/** A due time that is noticed later than this was missed, in milliseconds. */
export const LATE_MS = 10_000;
/** Where the time of day is so far before the last due time, the clock was set: a change of zones moves no instant. */
const CLOCK_WAS_SET_MS = 86_400_000;
/** No more than a dozen due times are within {@link LATE_MS}: none is closer to the next than a second. */
const MOST_ON_TIME = 100;

/** The due times that have come, and what is to be done with them. */
export interface Noticed {
  /** Missed ones that are made up for, ascending. */
  readonly caughtUp: readonly number[];
  /** Those that are noticed in time, ascending. */
  readonly onTime: readonly number[];
  /** How many missed ones are not made up for. */
  readonly leftOut: number;
  /** Every due time up to this instant was noticed. */
  readonly cursorAt: number;
}

/** The due times after the cursor of a schedule, up to `now`. @throws {RangeError} when its zone is not known here. */
export function noticeDue({ settings, cursorAt }: StoredSchedule, now: number): Noticed {
  const { plan, catchUp } = settings;
  const missedUntil = Math.max(cursorAt, now - LATE_MS - 1);
  const missed = missedDue(plan, { after: cursorAt, until: missedUntil }, catchUp);
  const { dueAt: onTime } = dueBetween(plan, { after: missedUntil, until: now }, MOST_ON_TIME);
  const any = missed.dueAt.length + missed.leftOut > 0;
  return {
    caughtUp: missed.dueAt,
    onTime,
    leftOut: missed.leftOut,
    cursorAt: onTime.at(-1) ?? (any ? missedUntil : cursorAt),
  };
}

/**
 * The schedule with these due times dealt with: each waits for its turn, though that may come at once, or is skipped.
 *
 * @param active whether the schedule's last run has not ended.
 */
export function takeIn(schedule: StoredSchedule, noticed: Noticed, active: boolean): StoredSchedule {
  const { caughtUp, onTime, leftOut, cursorAt } = noticed;
  const before = schedule.waiting;
  const fresh = [...caughtUp, ...onTime];
  const waiting = nextWaiting(schedule, noticed, active);
  const skipped = schedule.skipped + leftOut + before.length + fresh.length - waiting.length;
  return { ...schedule, cursorAt, waiting, skipped };
}

function nextWaiting({ settings, waiting }: StoredSchedule, noticed: Noticed, active: boolean): readonly number[] {
  const { caughtUp, onTime } = noticed;
  switch (settings.overlap) {
    case 'queue':
      return [...waiting, ...caughtUp, ...onTime].slice(0, MAX_WAITING);
    case 'cancel-previous':
      return [...waiting, ...caughtUp, ...onTime].slice(-1);
    case 'skip':
      if (active || waiting.length > 0) return waiting;
      // Those that are made up for would all but the first be skipped, and that one is the oldest.
      return caughtUp.length > 0 ? caughtUp : onTime.slice(0, 1);
  }
}

/**
 * The schedule paused from `at` on, when it was looked at: what becomes due after that is due during the pause. What the
 * look has left, because it failed or another process has changed the schedule since, waits.
 *
 * @throws {RangeError} when its zone is not known here.
 */
export function pausedFrom(schedule: StoredSchedule, at: number): StoredSchedule {
  const dealtWith = takeIn(schedule, noticeDue(schedule, at), false);
  return { ...dealtWith, paused: true, updatedAt: Math.max(at, dealtWith.cursorAt, schedule.updatedAt) };
}

/** Whether the time of day was set to long before the cursor. */
export function clockWasSet({ cursorAt }: Pick<StoredSchedule, 'cursorAt'>, now: number): boolean {
  return cursorAt - now > CLOCK_WAS_SET_MS;
}

/** Where a plan begins (again) at `now`: no due time comes twice where the clock was just put back a little. */
export function cursorFrom(schedule: Pick<StoredSchedule, 'cursorAt'> | undefined, now: number): number {
  return schedule === undefined || clockWasSet(schedule, now) ? now : Math.max(now, schedule.cursorAt);
}
