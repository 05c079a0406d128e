/** A cron of the slow and obvious kind, to compare with: it looks at every minute. */

const MINUTE_MS = 60_000;
const NAMES = ['', 'JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** Whether the expression names the minute that UTC shows at `wall`. */
export function matches(cron: string, wall: number): boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.split(' ');
  const date = new Date(wall);
  const named = (field: string, value: number, first: number): boolean =>
    field.split(',').some((item) => itemNames(item, value, first));
  const byDate = named(day, date.getUTCDate(), 1);
  const byWeekday = [0, 7].some((sunday) => named(weekday, date.getUTCDay() || sunday, 0));
  const onDay = day !== '*' && weekday !== '*' ? byDate || byWeekday : byDate && byWeekday;
  const atTime = named(minute, date.getUTCMinutes(), 0) && named(hour, date.getUTCHours(), 0);
  return onDay && atTime && named(month, date.getUTCMonth() + 1, 1);
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
  const everyHour = Array.from({ length: 24 }, (_, hour) => Date.UTC(2000, 0, 1, hour)).every((wall) =>
    matches(`* ${cron.split(' ')[1] ?? ''} * * *`, wall),
  );
  let shown = walls[0] ?? 0;
  walls.forEach((wall, index) => {
    let isDue = everyHour && matches(cron, wall);
    for (let missed = shown + MINUTE_MS; missed <= wall; missed += MINUTE_MS) {
      if (!everyHour && matches(cron, missed)) isDue = true;
    }
    shown = Math.max(shown, wall);
    if (isDue && index > 1_440) due.push(index);
  });
  return due;
}
