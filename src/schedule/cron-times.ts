import type { DueTimes, Span } from './due-times.js';
import { DAY_MS, type WallCron } from './wall-cron.js';
import type { Zone } from './zone.js';

/**
 * When a cron expression is due in a time zone whose clocks are changed.
 *
 * Times that name hours (`30 2 * * *`, also lists, ranges and steps) are due when the clocks show them *or a later
 * time* for the first time: one that the clocks leap over is due right after the leap, several of them once together,
 * and one that the clocks show twice is due the first time only.
 *
 * Where every hour is named (`0 * * * *`, or each quarter of an hour), time goes on evenly: due is every minute of the
 * expression that the clocks show, both times if they show it twice, and none that they leap over.
 */
export class CronTimes implements DueTimes {
  readonly #cron: WallCron;
  readonly #zone: Zone;

  constructor(cron: WallCron, zone: Zone) {
    this.#cron = cron;
    this.#zone = zone;
  }

  next(after: number): number | undefined {
    if (this.#cron.everyHour) return this.#nextShown(after);
    const wall = this.#cron.next(this.#shownUntil(after));
    return wall === undefined ? undefined : this.#firstShowing(wall);
  }

  latest(span: Span, max: number): number[] {
    const shown = this.#shownUntil(span.until);
    // Wall times that were leapt over make fewer due times than there are wall times.
    for (let back = max; ; back *= 2) {
      const wall = this.#cron.back(shown, back, span.after - DAY_MS);
      const after = Math.max(span.after, this.#firstShowing(wall) - 1);
      const found = this.#all({ after, until: span.until });
      if (found.length >= max || after === span.after) return found.slice(-max);
    }
  }

  count({ after, until }: Span): number {
    if (until <= after) return 0;
    let counted = 0;
    let shown = this.#shownUntil(after);
    for (const { from, to } of this.#zone.stretches({ from: after + 1, to: until })) {
      const offset = this.#zone.offsetAt(from);
      if (this.#cron.everyHour) shown = from - 1 + offset;
      // Whatever the clocks leapt over is due at once, together with what they show now.
      const leapt = from + offset > shown ? this.#cron.count(shown, from + offset) : 0;
      if (leapt > 0) counted += 1;
      shown = Math.max(shown, from + offset);
      if (to + offset > shown) counted += this.#cron.count(shown, to + offset);
      shown = Math.max(shown, to + offset);
    }
    return counted;
  }

  #all({ after, until }: Span): number[] {
    const found: number[] = [];
    for (let at = this.next(after); at !== undefined && at <= until; at = this.next(at)) found.push(at);
    return found;
  }

  /** The latest wall time that the clocks have ever shown, up to `instant`. */
  #shownUntil(instant: number): number {
    const change = this.#zone.changeIn(instant - DAY_MS, instant);
    const shown = this.#zone.wallAt(instant);
    return change === undefined ? shown : Math.max(shown, this.#zone.wallAt(change - 1));
  }

  /** The first instant at which the clocks show `wall` or a later time. */
  #firstShowing(wall: number): number {
    const [before, after] = [wall - DAY_MS, wall + DAY_MS];
    const instant = wall - this.#zone.offsetAt(before);
    const change = this.#zone.changeIn(before, after);
    if (change === undefined || instant < change) return instant;
    return Math.max(change, wall - this.#zone.offsetAt(change));
  }

  /** The first instant after `after` at which the clocks show a wall time of the expression. */
  #nextShown(after: number): number | undefined {
    let from = after;
    let shown = this.#zone.wallAt(after);
    for (;;) {
      const wall = this.#cron.next(shown);
      if (wall === undefined) return undefined;
      const instant = wall - this.#zone.offsetAt(from);
      const reach = Math.min(instant, from + DAY_MS);
      const change = this.#zone.changeIn(from, reach);
      if (change === undefined && reach === instant) return instant;
      // No wall time lies between, and two days are more than any change of the clocks.
      from = change ?? Math.max(reach, instant - 2 * DAY_MS);
      shown = change === undefined ? this.#zone.wallAt(from) : this.#zone.wallAt(change) - 1;
    }
  }
}
