import { describe, expect, it } from '@jest/globals';
import { parsePlan } from '../../src/schedule/plan.js';

const TEN_YEARS_MS = 3_652_5 * 8_640_000;

function refusal(plan: unknown): { readonly name: string; readonly message: string } | undefined {
  try {
    parsePlan(plan);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

describe('a plan', () => {
  it('by cron is in UTC unless it says otherwise', () => {
    expect(parsePlan({ cron: '0 3 * * *' })).toEqual({ cron: '0 3 * * *', timeZone: 'UTC' });
    expect(parsePlan({ cron: '0 3 * * *', timeZone: undefined })).toEqual({ cron: '0 3 * * *', timeZone: 'UTC' });
    const berlin = { cron: '0 3 * * *', timeZone: 'Europe/Berlin' };
    expect(parsePlan(berlin)).toEqual(berlin);
  });

  it('by interval is anchored at full hours of UTC unless it says otherwise', () => {
    expect(parsePlan({ everyMs: 1_000 })).toEqual({ everyMs: 1_000, anchorAt: 0 });
    expect(parsePlan({ everyMs: 60_000, anchorAt: 250 })).toEqual({ everyMs: 60_000, anchorAt: 250 });
  });

  it('survives JSON and being parsed again', () => {
    for (const given of [{ cron: ' 0\t3  * * mon-fri ', timeZone: 'Asia/Kathmandu' }, { everyMs: 5_000 }]) {
      const plan = parsePlan(given);
      expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
    }
  });

  const good = [
    '* * * * *',
    '*/15 0-23/2 1,15 JAN-jun,12 MON-FRI',
    '0 0 29 2 *',
    '0 0 30 2 MON',
    '05 00 * * 7',
    '0 0 31 * 0-7',
    '0 0 1-31/31 */12 */7',
    '0 0 * * fri-sun',
  ];
  it.each(good)('takes the cron %j', (cron) => {
    expect(parsePlan({ cron })).toEqual({ cron, timeZone: 'UTC' });
  });

  const malformed: [string, string][] = [
    ['', 'five fields (minute, hour, day of month, month, day of week); got 0'],
    ['   ', 'got 0'],
    ['* * * *', 'got 4'],
    ['0 * * * * *', 'got 6'],
    ['0 * * * * * 2026', 'got 7'],
    ['@daily', 'got 1'],
    ['@reboot * * * *', "cron's minute"],
    ['*/0 * * * *', "cron's minute must be * or values of 0-59"],
    ['*/00 * * * *', "cron's minute"],
    ['*/61 * * * *', "cron's minute"],
    ['60 * * * *', "cron's minute"],
    ['-1 * * * *', "cron's minute"],
    ['1.5 * * * *', "cron's minute"],
    ['5/15 * * * *', "cron's minute"],
    ['/15 * * * *', "cron's minute"],
    ['30-10 * * * *', "cron's minute"],
    ['1,,2 * * * *', "cron's minute"],
    ['1, * * * *', "cron's minute"],
    ['** * * * *', "cron's minute"],
    ['1-2-3 * * * *', "cron's minute"],
    ['JAN * * * *', "cron's minute"],
    ['0 24 * * *', "cron's hour"],
    ['0 22-2 * * *', "cron's hour"],
    ['0 0 0 * *', "cron's day of month"],
    ['0 0 32 * *', "cron's day of month"],
    ['0 0 L * *', "cron's day of month"],
    ['0 0 LW * *', "cron's day of month"],
    ['0 0 15W * *', "cron's day of month"],
    ['0 0 ? * *', "cron's day of month"],
    ['0 0 * 13 *', 'month must be * or values of 1-12 or JAN-DEC, with a-b for ranges'],
    ['0 0 * 0 *', "cron's month"],
    ['0 0 * MON *', "cron's month"],
    ['0 0 * * 8', "cron's day of week"],
    ['0 0 * * FRI#2', "cron's day of week"],
    ['0 0 * * FRIL', "cron's day of week"],
    ['0 0 * * +MON', "cron's day of week"],
    ['0 0 * * FRI-MON', "cron's day of week"],
    ['0 0 * * abc', "cron's day of week"],
    ['0 0 30 2 *', 'must name a date that comes; got "0 0 30 2 *"'],
    ['0 0 31 4,6,9,11 *', 'must name a date that comes'],
    ['0\u00a00 * * *', 'got 4'],
    ['0 0 * *\n*', 'got 4'],
    ['٣ * * * *', "cron's minute"],
    ['__proto__ * * * *', "cron's minute"],
    [`${'1,'.repeat(200)}1 * * * *`, 'at most 256 characters; got 409'],
  ];
  it.each(malformed)('is refused with the cron %j', (cron, message) => {
    expect(refusal({ cron })).toMatchObject({ name: 'RangeError', message: expect.stringContaining(message) });
  });

  it.each(['', 'Mars/Olympus', 'Europe/Berlin ', '+01:00', '../etc/passwd', 'UTC\0', 'x'.repeat(10_000), '__proto__'])(
    'is refused with the time zone %j',
    (timeZone) => {
      const message = expect.stringMatching(/^timeZone must be a name such as UTC or Europe\/Berlin .*; got "/);
      expect(refusal({ cron: '* * * * *', timeZone })).toMatchObject({ name: 'RangeError', message });
    },
  );

  it.each([0, -1, 999, 1_000.5, NaN, Infinity, TEN_YEARS_MS * 2])('is refused with an interval of %d', (everyMs) => {
    const message = expect.stringMatching(/^everyMs must be an integer from 1000 to \d+; got /);
    expect(refusal({ everyMs })).toMatchObject({ name: 'RangeError', message });
  });

  it.each([-1, 0.5, NaN, 253_402_300_800_000])('is refused with the anchor %d', (anchorAt) => {
    expect(refusal({ everyMs: 1_000, anchorAt })).toMatchObject({ name: 'RangeError' });
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', '* * * * *'],
    ['an array', ['* * * * *']],
    ['neither', {}],
    ['both', { cron: '* * * * *', everyMs: 1_000 }],
    ['an unknown member', { cron: '* * * * *', timezone: 'UTC' }],
    ['the zone of another kind', { everyMs: 1_000, timeZone: 'UTC' }],
    ['a cron that is no text', { cron: ['* * * * *'] }],
    ['a cron that turns into text', { cron: { toString: () => '* * * * *' } }],
    ['a zone that is no text', { cron: '* * * * *', timeZone: null }],
    ['an interval that is no number', { everyMs: '1000' }],
    ['an anchor that is no number', { everyMs: 1_000, anchorAt: null }],
  ])('is refused as %s', (_, plan) => {
    expect(refusal(plan)).toMatchObject({ name: 'TypeError' });
  });
});
