import { checkInteger, checkOptions, show } from '../task/checks.js';
import { MAX_DURATION_MS } from '../task/errors.js';
import type { CronPlan, IntervalPlan, Plan } from '../task/schedule.js';
import { checkCron } from './cron-syntax.js';
import { WallCron } from './wall-cron.js';
import { zoneOf } from './zone.js';

/** The shortest `everyMs`, in milliseconds. */
export const MIN_EVERY_MS = 1_000;
/** No due time is later than this instant, the end of the year 9999. */
export const LAST_INSTANT = Date.UTC(10_000, 0) - 1;

/** Any day will do that is the first of a leap year: what does not come in that year comes in none. */
const START_OF_A_LEAP_YEAR = Date.UTC(2000, 0) - 1;

/**
 * Checks a plan from outside and fills in its defaults: `{ cron, timeZone? }` or `{ everyMs, anchorAt? }`.
 *
 * @throws {TypeError} when it is no object, has neither or both of `cron` and `everyMs`, an unknown member, or one of
 * the wrong type.
 * @throws {RangeError} when `cron` is malformed or its dates never come (`0 0 30 2 *`), `timeZone` is not known here, or
 * a number is out of range.
 */
export function parsePlan(value: unknown): Plan {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`plan must be { cron, timeZone? } or { everyMs, anchorAt? }; got ${show(value)}`);
  }
  const given = { ...value } as Readonly<Record<string, unknown>>;
  if ('cron' in given === 'everyMs' in given) {
    throw new TypeError(`plan must have cron or everyMs; got ${'cron' in given ? 'both' : 'neither'}`);
  }
  return 'cron' in given ? cronPlan(given) : intervalPlan(given);
}

function cronPlan(given: Readonly<Record<string, unknown>>): CronPlan {
  checkOptions('plan', given, ['cron', 'timeZone']);
  const { timeZone = 'UTC' } = given;
  const cron = checkCron(given['cron']);
  if (new WallCron(cron).next(START_OF_A_LEAP_YEAR) === undefined) {
    throw new RangeError(`cron must name a date that comes; got ${show(cron)}, which never does`);
  }
  zoneOf(timeZone);
  return { cron, timeZone: String(timeZone) };
}

function intervalPlan(given: Readonly<Record<string, unknown>>): IntervalPlan {
  checkOptions('plan', given, ['everyMs', 'anchorAt']);
  const { everyMs, anchorAt = 0 } = given;
  return {
    everyMs: checkInteger('everyMs', everyMs, { min: MIN_EVERY_MS, max: MAX_DURATION_MS }),
    anchorAt: checkInteger('anchorAt', anchorAt, { min: 0, max: LAST_INSTANT }),
  };
}
