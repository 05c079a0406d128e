import { checkInteger } from '../task/checks.js';
import type { CatchUp, Plan } from '../task/schedule.js';
import { CronTimes } from './cron-times.js';
import type { DueTimes, Span } from './due-times.js';
import { IntervalTimes } from './interval-times.js';
import { LAST_INSTANT } from './plan.js';
import { remember } from './remember.js';
import { WallCron } from './wall-cron.js';
import { zoneOf } from './zone.js';

/** The most due times that {@link preview} shows. */
export const MAX_PREVIEW = 100;
/** The most missed due times that `catchUp: 'all'` makes up for. */
export const MAX_CATCH_UP = 100;

const CATCH_UP: Readonly<Record<CatchUp, number>> = { none: 0, last: 1, all: MAX_CATCH_UP };

/** Due times of a span. */
export interface DueInSpan {
  /** The last ones, ascending, in epoch milliseconds. */
  readonly dueAt: readonly number[];
  /** How many earlier ones of the span were left out. */
  readonly leftOut: number;
}

const wallCronOf = remember(256, (cron) => new WallCron(cron));

/**
 * The first due time strictly after `after`, in epoch milliseconds; `null` when there is none before the year 10,000.
 *
 * @param plan is one that `parsePlan` has made, here or on another computer.
 * @throws {RangeError} when `after` is no instant from 1970 to 9999 in whole milliseconds, or the time zone is not known
 * on this computer.
 */
export function nextDue(plan: Plan, after: number): number | null {
  const next = timesOf(plan).next(checkInstant('after', after));
  return next === undefined || next > LAST_INSTANT ? null : next;
}

/**
 * The next due times strictly after `after`, ascending.
 *
 * @param count how many, 1 to 100.
 * @throws {RangeError} as {@link nextDue}, and when `count` is out of range.
 */
export function preview(plan: Plan, after: number, count: number): number[] {
  checkInteger('count', count, { min: 1, max: MAX_PREVIEW });
  const due: number[] = [];
  for (let at = nextDue(plan, after); at !== null; at = nextDue(plan, at)) {
    due.push(at);
    if (due.length === count) break;
  }
  return due;
}

/**
 * The due times after `after`, up to and with `until`: the last `max` of them, and how many there are before those. Takes
 * some milliseconds whatever the length of the span: ten years of every minute are counted by days.
 *
 * @throws {RangeError} as {@link nextDue}, and when `max` is out of range (0 to 100).
 */
export function dueBetween(plan: Plan, span: Span, max: number): DueInSpan {
  checkInstant('after', span.after);
  checkInstant('until', span.until);
  checkInteger('max', max, { min: 0, max: MAX_CATCH_UP });
  const times = timesOf(plan);
  // The time of day may have gone back.
  if (span.until <= span.after) return { dueAt: [], leftOut: 0 };
  const dueAt = max === 0 ? [] : times.latest(span, max);
  return { dueAt, leftOut: times.count(span) - dueAt.length };
}

/** The due times of a span in which nothing was started that `catchUp` makes up for. As {@link dueBetween}. */
export function missedDue(plan: Plan, span: Span, catchUp: CatchUp): DueInSpan {
  return dueBetween(plan, span, CATCH_UP[catchUp]);
}

function timesOf(plan: Plan): DueTimes {
  if ('cron' in plan) return new CronTimes(wallCronOf(plan.cron), zoneOf(plan.timeZone));
  return new IntervalTimes(plan.everyMs, plan.anchorAt);
}

function checkInstant(what: string, instant: number): number {
  return checkInteger(what, instant, { min: 0, max: LAST_INSTANT });
}
