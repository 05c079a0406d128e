import { describe, expect, it } from '@jest/globals';
import { Cron } from 'croner';
import fc from 'fast-check';
import { dueBetween, nextDue, preview } from '../../src/schedule/due.js';
import { parsePlan } from '../../src/schedule/plan.js';
import type { Plan } from '../../src/task/schedule.js';
import { dueMinutes, wallClock } from './naive-cron.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The starts of five days in which clocks are changed, no two the same. */
const windows = (
  [
    ['UTC', '2028-02-26'],
    ['Europe/Berlin', '2026-03-27'],
    ['Europe/Berlin', '2026-10-23'],
    ['America/New_York', '2026-03-06'],
    ['America/New_York', '2026-10-30'],
    ['America/Sao_Paulo', '2018-11-02'],
    ['America/Sao_Paulo', '2018-02-15'],
    ['Australia/Lord_Howe', '2026-10-01'],
    ['Australia/Lord_Howe', '2026-04-02'],
    ['Pacific/Apia', '2011-12-28'],
    ['Asia/Kathmandu', '2026-12-30'],
    ['Africa/Casablanca', '2026-02-13'],
    ['Africa/Casablanca', '2026-03-20'],
    ['Antarctica/Vostok', '1994-01-30'],
  ] as const
).map(([timeZone, day]) => ({ timeZone, from: Date.parse(`${day}T00:00Z`) }));

function field(min: number, max: number, names: readonly string[] = []): fc.Arbitrary<string> {
  const value = fc.oneof(
    fc.integer({ min, max }).map(String),
    ...(names.length > 0 ? [fc.constantFrom(...names)] : []),
  );
  const range = fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map((ends) => {
    const [low, high] = ends.sort((a, b) => a - b);
    return `${low}-${high}`;
  });
  const step = fc.tuple(fc.oneof(fc.constant('*'), range), fc.integer({ min: 1, max: Math.min(max, 7) }));
  const item = fc.oneof(
    value,
    range,
    step.map(([of, by]) => `${of}/${by}`),
  );
  const list = fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(','));
  return fc.oneof({ weight: 2, arbitrary: fc.constant('*') }, { weight: 3, arbitrary: list });
}

const crons = fc
  .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12, ['FEB', 'MAR', 'OCT']), field(0, 7, ['SUN', 'FRI']))
  .map((fields) => fields.join(' '))
  .filter((cron) => {
    try {
      parsePlan({ cron });
      return true;
    } catch {
      return false;
    }
  });
const timeZones = fc.constantFrom(...new Set(windows.map(({ timeZone }) => timeZone)));
const plans: fc.Arbitrary<Plan> = fc.oneof(
  fc.record({ cron: crons, timeZone: timeZones }),
  fc.record({ everyMs: fc.integer({ min: 1_000, max: 40 * DAY_MS }), anchorAt: fc.integer({ min: 0, max: 2 ** 41 }) }),
);
/** Often near a change of clocks, sometimes anywhere from 1970 to 2100. */
const instants = fc.oneof(
  fc
    .tuple(fc.constantFrom(...windows), fc.integer({ min: 0, max: 5 * DAY_MS }))
    .map(([{ from }, since]) => from + since),
  fc.integer({ min: 0, max: Date.UTC(2100, 0) }),
);

function eachDue(plan: Plan, after: number, until: number): number[] {
  const due: number[] = [];
  for (let at = nextDue(plan, after); at !== null && at <= until; at = nextDue(plan, at)) due.push(at);
  return due;
}

describe('due times', () => {
  it('are those that a look at every minute finds, in every zone, also when the clocks are changed', () => {
    // As a map, so that what fast-check shows of a failure can be read.
    const shown = new Map(windows.map(({ timeZone, from }) => [from, wallClock(timeZone, from, 5 * 1_440)]));
    fc.assert(
      fc.property(crons, fc.constantFrom(...windows), (cron, { timeZone, from }) => {
        const walls = shown.get(from) ?? [];
        const naive = dueMinutes(cron, walls).map((index) => from + index * MINUTE_MS);
        const [after, until] = [from + DAY_MS, from + (walls.length - 1) * MINUTE_MS];
        expect(eachDue({ cron, timeZone }, after, until)).toEqual(naive);
        const { dueAt, leftOut } = dueBetween({ cron, timeZone }, { after, until }, 100);
        expect(dueAt).toEqual(naive.slice(-100));
        expect(leftOut).toBe(naive.length - dueAt.length);
      }),
      { numRuns: 60 },
    );
  });

  it('are in UTC those that croner finds, however rare', () => {
    fc.assert(
      fc.property(crons, instants, (cron, after) => {
        const theirs = new Cron(cron, { utcOffset: 0 }).nextRuns(3, new Date(after));
        expect(preview({ cron, timeZone: 'UTC' }, after, 3)).toEqual(theirs.map((date) => date.getTime()));
      }),
      { numRuns: 300 },
    );
  });

  it('come strictly after, ascending, in whole minutes, and each is found again from just before it', () => {
    fc.assert(
      fc.property(plans, instants, fc.integer({ min: 1, max: 20 }), (plan, after, count) => {
        const due = preview(plan, after, count);
        expect(due).toHaveLength(count);
        due.forEach((at, index) => {
          expect(at).toBeGreaterThan(due[index - 1] ?? after);
          expect(nextDue(plan, at - 1)).toBe(at);
          if ('cron' in plan) expect(at % MINUTE_MS).toBe(0);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('of a span are those that come one after the other', () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 2 * DAY_MS }), fc.integer({ min: 0, max: 500 * DAY_MS }));
    fc.assert(
      fc.property(plans, instants, lengths, fc.integer({ min: 0, max: 100 }), (plan, after, length, max) => {
        const sparse = preview(plan, after, 100);
        // Not more than the hundred: a minute cron over a year would be counted for seconds here.
        const until = Math.min(after + length, sparse.at(-1) ?? after);
        const expected = sparse.filter((at) => at <= until);
        const { dueAt, leftOut } = dueBetween(plan, { after, until }, max);
        expect(dueAt).toEqual(expected.slice(expected.length - Math.min(max, expected.length)));
        expect(leftOut).toBe(expected.length - dueAt.length);
      }),
      { numRuns: 300 },
    );
  });

  it('of two spans that follow on one another are those of both together', () => {
    const lengths = fc.integer({ min: 0, max: 1_000 * DAY_MS });
    fc.assert(
      fc.property(plans, instants, fc.tuple(lengths, lengths), (plan, a, [first, second]) => {
        const [b, c] = [a + first, a + first + second];
        const count = (after: number, until: number): number => dueBetween(plan, { after, until }, 0).leftOut;
        expect(count(a, b) + count(b, c)).toBe(count(a, c));
      }),
      { numRuns: 60 },
    );
  });
});
