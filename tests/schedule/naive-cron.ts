/** A cron of the slow and obvious kind, to compare with: it looks at every minute. */

const MINUTE_MS = 60_000;
const NAMES = ['', 'JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** Says whether the expression names the minute that UTC shows at an instant. */
function matcher(cron: string): (wall: number) => boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.split(' ');
  const [minutes, hours, months] = [valuesOf(minute, 0, 59), valuesOf(hour, 0, 23), valuesOf(month, 1, 12)];
  const [dates, weekdays] = [valuesOf(day, 1, 31), valuesOf(weekday, 0, 7)];
  return (wall) => {
    const date = new Date(wall);
    const byDate = dates.has(date.getUTCDate());
    const byWeekday = weekdays.has(date.getUTCDay()) || (date.getUTCDay() === 0 && weekdays.has(7));
    const onDay = day !== '*' && weekday !== '*' ? byDate || byWeekday : byDate && byWeekday;
    return (
      onDay && months.has(date.getUTCMonth() + 1) && hours.has(date.getUTCHours()) && minutes.has(date.getUTCMinutes())
    );
  };
}

function valuesOf(field: string, min: number, max: number): Set<number> {
  const all = Array.from({ length: max - min + 1 }, (_, index) => min + index);
  return new Set(all.filter((value) => field.split(',').some((item) => itemNames(item, value, min))));
}

function itemNames(item: string, value: number, first: number): boolean {
  const [range = '', step = '1'] = item.split('/');
  const [from = first, to = range === '*' ? 99 : from] = range === '*' ? [] : range.split('-').map(numberOf);
  return value >= from && value <= to && (value - from) % Number(step) === 0;
}

function numberOf(text: string): number {
  if (NAMES.includes(text)) return NAMES.indexOf(text);
  return DAYS.includes(text) ? DAYS.indexOf(text) : Number(text);
}

/** What the clocks of a zone show at each minute from `from`, the first one included. */
export function wallClock(timeZone: string, from: number, minutes: number): number[] {
  const format = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric' },
  });
  return Array.from({ length: minutes }, (_, minute) => {
    const parts = new Map(
      format.formatToParts(from + minute * MINUTE_MS).map(({ type, value }) => [type, Number(value)]),
    );
    const [year = 0, month = 0, day = 0, hour = 0, minuteShown = 0] = (
      ['year', 'month', 'day', 'hour', 'minute'] as const
    ).map((type) => parts.get(type));
    return Date.UTC(year, month - 1, day, hour, minuteShown);
  });
}

/** The indices of the minutes at which `cron` is due on clocks that show `walls`, one a minute; those of the first day are left out. */
export function dueMinutes(cron: string, walls: readonly number[]): number[] {
  const due: number[] = [];
  const matches = matcher(cron);
  const everyHour = valuesOf(cron.split(' ')[1] ?? '', 0, 23).size === 24;
  let shown = walls[0] ?? 0;
  walls.forEach((wall, index) => {
    let isDue = everyHour && matches(wall);
    for (let missed = shown + MINUTE_MS; missed <= wall; missed += MINUTE_MS) {
      if (!everyHour && matches(missed)) isDue = true;
    }
    shown = Math.max(shown, wall);
    if (isDue && index > 1_440) due.push(index);
  });
  return due;
}
