import { parseCron } from './cron-syntax.js';
import { firstWhere } from './search.js';

/** A day of the calendar, in milliseconds. */
export const DAY_MS = 86_400_000;
/** From one 29 February to the next can be eight years (1896, 2096), and nothing else is further apart. */
const HORIZON_DAYS = 8 * 366;

/**
 * What a cron expression says about calendars and clocks, before any time zone: its *wall times*. A wall time is what
 * a calendar and a clock on a wall show together, given as the epoch milliseconds at which UTC shows it.
 *
 * Day of month and day of week are joined by "or" when neither is a plain `*`, as cron has always done.
 */
export class WallCron {
  /** Whether the hour makes no difference: `*`, and whatever else names all 24. */
  readonly everyHour: boolean;
  readonly #days: (day: Date) => boolean;
  /** Milliseconds from midnight, ascending; never empty. */
  readonly #times: readonly number[];

  /** @param cron is one that `checkCron` has let through. */
  constructor(cron: string) {
    const { minute, hour, day, month, dayOfWeek, starDOM, starDOW } = parseCron(cron);
    const either = !starDOM && !starDOW;
    this.#days = (date) => {
      if (!month[date.getUTCMonth()]) return false;
      const byDate = Boolean(day[date.getUTCDate() - 1]);
      const byWeekday = Boolean(dayOfWeek[date.getUTCDay()]);
      return either ? byDate || byWeekday : byDate && byWeekday;
    };
    this.everyHour = indicesOf(hour).length === 24;
    this.#times = indicesOf(hour).flatMap((h) => indicesOf(minute).map((m) => (h * 60 + m) * 60_000));
  }

  /** The first wall time after `wall`; `undefined` when there is none within eight years, which means that there is none at all. */
  next(wall: number): number | undefined {
    const today = dayOf(wall);
    for (let day = today; day <= today + HORIZON_DAYS; day += 1) {
      if (!this.#has(day)) continue;
      const time = this.#times[day === today ? this.#passed(wall - day * DAY_MS) : 0];
      if (time !== undefined) return day * DAY_MS + time;
    }
    return undefined;
  }

  /** The start of a stretch that ends with `wall` and holds the last `count` wall times, but never begins before `floor`. */
  back(wall: number, count: number, floor: number): number {
    let left = count;
    for (let day = dayOf(wall); day * DAY_MS + DAY_MS > floor; day -= 1) {
      const until = this.#has(day) ? this.#passed(wall - day * DAY_MS) : 0;
      const found = this.#times[until - left];
      if (found !== undefined) return Math.max(floor, day * DAY_MS + found);
      left -= until;
    }
    return floor;
  }

  /** How many wall times there are after `after`, up to and with `until`. */
  count(after: number, until: number): number {
    let counted = 0;
    for (let day = dayOf(after); day <= dayOf(until); day += 1) {
      if (this.#has(day)) counted += this.#passed(until - day * DAY_MS) - this.#passed(after - day * DAY_MS);
    }
    return counted;
  }

  #has(day: number): boolean {
    return this.#days(new Date(day * DAY_MS));
  }

  /** How many times of a day are over when it has lasted `sinceMidnight`, the present one included. */
  #passed(sinceMidnight: number): number {
    return firstWhere(-1, this.#times.length, (index) => (this.#times[index] ?? Infinity) > sinceMidnight);
  }
}

function dayOf(wall: number): number {
  return Math.floor(wall / DAY_MS);
}

function indicesOf(flags: readonly number[]): number[] {
  return flags.flatMap((flag, index) => (flag ? [index] : []));
}
