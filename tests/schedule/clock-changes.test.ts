import { describe, expect, it } from '@jest/globals';
import { dueBetween, nextDue, preview } from '../../src/schedule/due.js';

/** What is due after `after`, in ISO without seconds; every instant here was worked out by hand. */
function due(cron: string, timeZone: string, after: string, count = 3): string[] {
  const from = Date.parse(`${after}Z`);
  const times = preview({ cron, timeZone }, from, count);
  const until = times.at(-1) ?? from;
  expect(dueBetween({ cron, timeZone }, { after: from, until }, 100)).toEqual({ dueAt: times, leftOut: 0 });
  return times.map((at) => new Date(at).toISOString().slice(0, 16));
}

describe('a time that the clocks leap over is due once, right after the leap', () => {
  it.each<[string, string, string, string[]]>([
    // 29 March 2026, 01:00 UTC: 02:00 +01 → 03:00 +02
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T01:00', ['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30']],
    // 8 March 2026, 07:00 UTC: 02:00 −05 → 03:00 −04
    [
      '30 2 * * *',
      'America/New_York',
      '2026-03-07T07:00',
      ['2026-03-07T07:30', '2026-03-08T07:00', '2026-03-09T06:30'],
    ],
    // 4 November 2018, 03:00 UTC: 00:00 −03 → 01:00 −02
    [
      '0 0 * * *',
      'America/Sao_Paulo',
      '2018-11-03T00:00',
      ['2018-11-03T03:00', '2018-11-04T03:00', '2018-11-05T02:00'],
    ],
    // 3 October 2026, 15:30 UTC: 02:00 +10:30 → 02:30 +11
    [
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-02T15:00',
      ['2026-10-02T15:45', '2026-10-03T15:30', '2026-10-04T15:15'],
    ],
    // 22 March 2026, 02:00 UTC, the end of Ramadan: 02:00 +00 → 03:00 +01
    [
      '30 2 * * *',
      'Africa/Casablanca',
      '2026-03-21T02:00',
      ['2026-03-21T02:30', '2026-03-22T02:00', '2026-03-23T01:30'],
    ],
    // 30 December 2011, 10:00 UTC: 30 December −10 → 31 December +14. The 30th never came.
    ['0 9 * * *', 'Pacific/Apia', '2011-12-29T10:00', ['2011-12-29T19:00', '2011-12-30T10:00', '2011-12-30T19:00']],
    ['0 9 30 12 *', 'Pacific/Apia', '2011-12-01T00:00', ['2011-12-30T10:00', '2012-12-29T19:00', '2013-12-29T19:00']],
  ])('%s in %s', (cron, timeZone, after, expected) => {
    expect(due(cron, timeZone, after)).toEqual(expected);
  });

  it('and several of them are due once together', () => {
    const after = '2026-03-28T22:00';
    expect(due('0,20,40 2 * * *', 'Europe/Berlin', after, 2)).toEqual(['2026-03-29T01:00', '2026-03-30T00:00']);
    expect(due('* 2 * * *', 'Europe/Berlin', after, 2)).toEqual(['2026-03-29T01:00', '2026-03-30T00:00']);
    expect(due('0 2,3 * * *', 'Europe/Berlin', after, 2)).toEqual(['2026-03-29T01:00', '2026-03-30T00:00']);
    expect(due('0 0 * * *', 'Pacific/Apia', '2011-12-29T00:00')).toEqual([
      '2011-12-29T10:00',
      '2011-12-30T10:00',
      '2011-12-31T10:00',
    ]);
  });

  it('also in the middle of a step over hours', () => {
    const expected = ['2026-03-28T23:00', '2026-03-29T01:00', '2026-03-29T02:00'];
    expect(due('0 */2 * * *', 'Europe/Berlin', '2026-03-28T22:00')).toEqual(expected);
  });
});

describe('a time that the clocks show twice is due the first time only', () => {
  it.each<[string, string, string, string[]]>([
    // 25 October 2026, 01:00 UTC: 03:00 +02 → 02:00 +01
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T00:00', ['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30']],
    ['0 */2 * * *', 'Europe/Berlin', '2026-10-24T21:00', ['2026-10-24T22:00', '2026-10-25T00:00', '2026-10-25T03:00']],
    // 03:00 is first shown when 02:00 to 03:00 has passed twice.
    ['0 3 * * *', 'Europe/Berlin', '2026-10-24T00:00', ['2026-10-24T01:00', '2026-10-25T02:00', '2026-10-26T02:00']],
    // 1 November 2026, 06:00 UTC: 02:00 −04 → 01:00 −05
    [
      '30 1 * * *',
      'America/New_York',
      '2026-10-31T05:00',
      ['2026-10-31T05:30', '2026-11-01T05:30', '2026-11-02T06:30'],
    ],
    // 18 February 2018, 02:00 UTC: 00:00 −02 → 23:00 −03, back into Saturday
    [
      '30 23 * * *',
      'America/Sao_Paulo',
      '2018-02-17T01:00',
      ['2018-02-17T01:30', '2018-02-18T01:30', '2018-02-19T02:30'],
    ],
    [
      '0 0 * * *',
      'America/Sao_Paulo',
      '2018-02-17T01:00',
      ['2018-02-17T02:00', '2018-02-18T03:00', '2018-02-19T03:00'],
    ],
    // 4 April 2026, 15:00 UTC: 02:00 +11 → 01:30 +10:30
    [
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-03T14:00',
      ['2026-04-03T14:45', '2026-04-04T14:45', '2026-04-05T15:15'],
    ],
    // 15 February 2026, 02:00 UTC, the start of Ramadan: 03:00 +01 → 02:00 +00
    [
      '30 2 * * *',
      'Africa/Casablanca',
      '2026-02-14T01:00',
      ['2026-02-14T01:30', '2026-02-15T01:30', '2026-02-16T02:30'],
    ],
  ])('%s in %s', (cron, timeZone, after, expected) => {
    expect(due(cron, timeZone, after)).toEqual(expected);
  });

  it('also when it is asked for between the two', () => {
    expect(due('30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10', 1)).toEqual(['2026-10-26T01:30']);
  });
});

describe('where every hour is named, time goes on evenly', () => {
  const quarters = ['00:45', '01:00', '01:15', '01:30', '01:45', '02:00'];

  it('when the clocks are set back', () => {
    const expected = quarters.map((time) => `2026-10-25T${time}`);
    expect(due('*/15 * * * *', 'Europe/Berlin', '2026-10-25T00:30', 6)).toEqual(expected);
    const hours = ['2026-10-24T23:00', '2026-10-25T00:00', '2026-10-25T01:00', '2026-10-25T02:00'];
    for (const cron of ['0 * * * *', '0 0-23 * * *', '0 */1 * * *']) {
      expect(due(cron, 'Europe/Berlin', '2026-10-24T22:00', 4)).toEqual(hours);
    }
  });

  it('when the clocks leap', () => {
    const expected = quarters.map((time) => `2026-03-29T${time}`);
    expect(due('*/15 * * * *', 'Europe/Berlin', '2026-03-29T00:30', 6)).toEqual(expected);
    const halves = ['2026-03-28T23:30', '2026-03-29T00:30', '2026-03-29T01:30'];
    expect(due('30 * * * *', 'Europe/Berlin', '2026-03-28T23:00')).toEqual(halves);
  });

  it('with the minutes that the clocks show, where they are changed by half an hour', () => {
    // 01:45 +11, 01:45 +10:30, 02:45 +10:30
    const back = ['2026-04-04T14:45', '2026-04-04T15:15', '2026-04-04T16:15'];
    expect(due('45 * * * *', 'Australia/Lord_Howe', '2026-04-04T14:00')).toEqual(back);
    // 01:15 +10:30, no 02:15, 03:15 +11
    const leap = ['2026-10-03T14:45', '2026-10-03T16:15'];
    expect(due('15 * * * *', 'Australia/Lord_Howe', '2026-10-03T14:30', 2)).toEqual(leap);
  });

  it('and a day that never came has no hours', () => {
    const hours = ['2011-12-30T09:00', '2011-12-30T10:00', '2011-12-30T11:00'];
    expect(due('0 * * * *', 'Pacific/Apia', '2011-12-30T08:00')).toEqual(hours);
    expect(due('0 * 30 12 *', 'Pacific/Apia', '2011-12-01T00:00', 1)).toEqual(['2012-12-29T10:00']);
    expect(due('59 * 30 12 *', 'Pacific/Apia', '2011-01-01T00:00', 1)).toEqual(['2012-12-29T10:59']);
  });
});

describe('where the clocks are not changed', () => {
  it('a time is due whenever they show it', () => {
    expect(due('0 6 * * *', 'Asia/Kathmandu', '2026-11-21T00:00', 2)).toEqual(['2026-11-21T00:15', '2026-11-22T00:15']);
    expect(due('*/30 * * * *', 'Asia/Kathmandu', '2026-11-21T00:00', 2)).toEqual([
      '2026-11-21T00:15',
      '2026-11-21T00:45',
    ]);
    expect(due('0 6 * * *', 'UTC', '2026-11-21T06:00', 2)).toEqual(['2026-11-22T06:00', '2026-11-23T06:00']);
  });

  it('a date far ahead is found', () => {
    expect(due('0 0 29 2 *', 'UTC', '2026-11-21T00:00', 1)).toEqual(['2028-02-29T00:00']);
    expect(due('0 0 29 2 *', 'UTC', '2096-02-29T00:00', 1)).toEqual(['2104-02-29T00:00']);
    expect(due('30 * 29 2 *', 'Europe/Berlin', '2096-03-01T00:00', 1)).toEqual(['2104-02-28T23:30']);
  });

  it('day of month and day of week are joined by "or"', () => {
    const days = ['2026-11-27T00:00', '2026-12-04T00:00', '2026-12-11T00:00', '2026-12-13T00:00', '2026-12-18T00:00'];
    expect(due('0 0 13 * FRI', 'UTC', '2026-11-21T00:00', 5)).toEqual(days);
    expect(due('0 0 13 * *', 'UTC', '2026-11-21T00:00', 1)).toEqual(['2026-12-13T00:00']);
    expect(due('0 0 * * 7', 'UTC', '2026-11-21T00:00', 1)).toEqual(['2026-11-22T00:00']);
  });

  it('there is an end after the year 9999', () => {
    const plan = { cron: '0 0 1 1 *', timeZone: 'UTC' };
    expect(nextDue(plan, Date.UTC(9999, 0) - 1)).toBe(Date.UTC(9999, 0));
    expect(nextDue(plan, Date.UTC(9999, 0))).toBeNull();
    expect(preview(plan, Date.UTC(9998, 5), 10)).toEqual([Date.UTC(9999, 0)]);
  });
});
