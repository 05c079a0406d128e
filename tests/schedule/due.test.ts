import { describe, expect, it } from '@jest/globals';
import { dueBetween, missedDue, nextDue, preview } from '../../src/schedule/due.js';
import { LAST_INSTANT, parsePlan } from '../../src/schedule/plan.js';
import type { Plan } from '../../src/task/schedule.js';

const MINUTE_MS = 60_000;
const hour = Date.UTC(2026, 10, 21, 3);
const everyMinute = parsePlan({ cron: '* * * * *' });
const everySecond = parsePlan({ everyMs: 1_000 });

describe('an interval', () => {
  it('is due at its anchor and every interval before and after', () => {
    const plan = parsePlan({ everyMs: 90_000, anchorAt: hour + 250 });
    expect(preview(plan, hour - 90_000, 3)).toEqual([hour - 89_750, hour + 250, hour + 90_250]);
    expect(nextDue(plan, hour + 250)).toBe(hour + 90_250);
  });

  it('without an anchor is due at full hours of UTC, so that putting it again moves nothing', () => {
    expect(preview(parsePlan({ everyMs: 1_200_000 }), hour + 1, 3)).toEqual([1, 2, 3].map((n) => hour + n * 1_200_000));
  });
});

describe('the due times of a span', () => {
  it('begin after its start and include its end', () => {
    for (const plan of [everyMinute, parsePlan({ everyMs: MINUTE_MS })]) {
      const due = dueBetween(plan, { after: hour, until: hour + 2 * MINUTE_MS }, 100);
      expect(due).toEqual({ dueAt: [hour + MINUTE_MS, hour + 2 * MINUTE_MS], leftOut: 0 });
    }
  });

  it('are none when the time of day has gone back', () => {
    for (const plan of [everyMinute, everySecond]) {
      expect(dueBetween(plan, { after: hour, until: hour }, 100)).toEqual({ dueAt: [], leftOut: 0 });
      expect(dueBetween(plan, { after: hour, until: hour - 86_400_000 }, 100)).toEqual({ dueAt: [], leftOut: 0 });
    }
  });

  it('that are made up for are none, the last one, or the last hundred; the others are counted', () => {
    const span = { after: hour, until: hour + 250 * MINUTE_MS };
    expect(missedDue(everyMinute, span, 'none')).toEqual({ dueAt: [], leftOut: 250 });
    expect(missedDue(everyMinute, span, 'last')).toEqual({ dueAt: [span.until], leftOut: 249 });
    const { dueAt, leftOut } = missedDue(everyMinute, span, 'all');
    expect(dueAt).toEqual(Array.from({ length: 100 }, (_, index) => hour + (151 + index) * MINUTE_MS));
    expect(leftOut).toBe(150);
  });
});

describe('ten years of due times are counted, not walked through', () => {
  const span = { after: Date.UTC(2016, 10, 21), until: Date.UTC(2026, 10, 21) };
  const days = (span.until - span.after) / 86_400_000;

  it.each<[string, Plan, number]>([
    ['a minute in UTC', everyMinute, days * 1_440],
    ['a minute where clocks are changed', { cron: '* * * * *', timeZone: 'Europe/Berlin' }, days * 1_440],
    // Ten times in spring the clocks leapt over the sixty, which were then due once together.
    ['the minutes of an hour', { cron: '* 2 * * *', timeZone: 'Europe/Berlin' }, days * 60 - 10 * 59],
    ['a second', everySecond, days * 86_400],
    ['a leap day', { cron: '0 0 29 2 *', timeZone: 'America/New_York' }, 2],
  ])('%s', (_, plan, count) => {
    expect(dueBetween(plan, span, 0)).toEqual({ dueAt: [], leftOut: count });
    const { dueAt, leftOut } = missedDue(plan, span, 'all');
    expect(dueAt).toHaveLength(Math.min(100, count));
    expect(leftOut).toBe(count - dueAt.length);
  });

  it('also where the last hundred lie a year back', () => {
    const { dueAt, leftOut } = missedDue({ cron: '* * * 12 *', timeZone: 'UTC' }, span, 'all');
    expect(dueAt.at(-1)).toBe(Date.UTC(2026, 0) - MINUTE_MS);
    expect(dueAt).toHaveLength(100);
    expect(leftOut).toBe(10 * 31 * 1_440 - 100);
  });

  it('also right after a day that never came', () => {
    const after = Date.UTC(2011, 11, 30, 9);
    const { dueAt, leftOut } = missedDue(
      { cron: '* * * * *', timeZone: 'Pacific/Apia' },
      { after, until: after + 3_600_000 * 2 },
      'all',
    );
    expect(dueAt).toEqual(Array.from({ length: 100 }, (_, index) => after + (21 + index) * MINUTE_MS));
    expect(leftOut).toBe(20);
  });
});

describe('what cannot be asked', () => {
  it.each([NaN, Infinity, -1, 0.5, LAST_INSTANT + 1])('are due times after %d', (after) => {
    expect(() => nextDue(everyMinute, after)).toThrow(/^after must be an integer from 0 to \d+; got /);
    expect(() => dueBetween(everyMinute, { after, until: hour }, 1)).toThrow(RangeError);
    expect(() => dueBetween(everyMinute, { after: hour, until: after }, 1)).toThrow(RangeError);
  });

  it.each([0, 101, 1.5, NaN])('are %d due times ahead', (count) => {
    expect(() => preview(everyMinute, hour, count)).toThrow(/^count must be an integer from 1 to 100; got /);
  });

  it.each([-1, 101, 1.5, NaN])('are the last %d due times', (max) => {
    expect(() => dueBetween(everyMinute, { after: 0, until: hour }, max)).toThrow(/^max must be an integer from 0/);
  });

  it('are due times of a zone that only another computer knows', () => {
    expect(() => nextDue({ cron: '* * * * *', timeZone: 'Europe/Nowhere' }, hour)).toThrow(/^timeZone must be/);
  });
});
