import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  checkJitter,
  checkScheduleId,
  dueRunId,
  jitterOf,
  MAX_SCHEDULE_ID_LENGTH,
} from '../../src/schedule/due-run.js';
import { LAST_INSTANT } from '../../src/schedule/plan.js';
import { isName } from '../../src/task/checks.js';

const dueAt = Date.UTC(2026, 10, 21, 2, 45);

describe('the id of a due run', () => {
  it('is made of the schedule and the due time', () => {
    expect(dueRunId('nightly', dueAt)).toBe('nightly@20261121T024500Z');
    expect(dueRunId('nightly', dueAt + 250)).toBe('nightly@20261121T024500.250Z');
  });

  it('is an id, whatever the schedule and the due time', () => {
    for (const at of [0, LAST_INSTANT]) {
      expect(isName(dueRunId(checkScheduleId('x'.repeat(MAX_SCHEDULE_ID_LENGTH)), at))).toBe(true);
    }
  });

  it('is another for every other schedule or due time', () => {
    const due = fc.tuple(fc.constantFrom('a', 'a@b', 'a@20261121T024500Z'), fc.integer({ min: 0, max: LAST_INSTANT }));
    fc.assert(fc.property(due, due, ([a, x], [b, y]) => (dueRunId(a, x) === dueRunId(b, y)) === (a === b && x === y)));
  });

  it.each(['', 'a b', '@a', 'x'.repeat(101), 7, null])('has no place for the schedule id %j', (id) => {
    expect(() => checkScheduleId(id)).toThrow(/^id of a schedule must be /);
  });
});

describe('the jitter', () => {
  it('is the same in every process', () => {
    // As computed once: another one would make two processes start the same run at two times.
    expect([0, 1, 2].map((day) => jitterOf('nightly', dueAt + day * 86_400_000, 60_000))).toEqual([3036, 38452, 818]);
  });

  it('is from 0 to jitterMs, both included', () => {
    const drawn = new Set(Array.from({ length: 200 }, (_, minute) => jitterOf('a', minute * 60_000, 3)));
    expect([...drawn].sort()).toEqual([0, 1, 2, 3]);
    expect(jitterOf('a', dueAt, 0)).toBe(0);
  });

  it('is spread evenly over due times and over schedules', () => {
    const overTimes = Array.from({ length: 2_000 }, (_, minute) => jitterOf('a', minute * 60_000, 999));
    const overSchedules = Array.from({ length: 2_000 }, (_, number) => jitterOf(`s${number}`, dueAt, 999));
    for (const drawn of [overTimes, overSchedules]) {
      const quarters = [0, 1, 2, 3].map((quarter) => drawn.filter((ms) => Math.floor(ms / 250) === quarter).length);
      for (const inQuarter of quarters) expect(Math.abs(inQuarter - 500)).toBeLessThan(80);
    }
  });

  it.each([-1, 0.5, NaN, 86_400_001])('is refused as %d', (jitterMs) => {
    expect(() => checkJitter(jitterMs)).toThrow(RangeError);
  });

  it('is refused as a text', () => {
    expect(() => checkJitter('5')).toThrow(TypeError);
  });
});
