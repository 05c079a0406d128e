import { CronPattern } from 'croner';
import { show } from '../task/checks.js';

/** The longest a cron expression may be, in characters. */
export const MAX_CRON_LENGTH = 256;

/** What a field may hold, for messages. Which numbers are good is croner's knowledge. */
const FIELDS = [
  { name: 'minute', values: '0-59' },
  { name: 'hour', values: '0-23' },
  { name: 'day of month', values: '1-31' },
  { name: 'month', values: '1-12 or JAN-DEC' },
  { name: 'day of week', values: '0-7 (0 and 7 are Sunday) or SUN-SAT' },
] as const;

/** croner also reads `L`, `W`, `#`, `?`, `+`, years, seconds and nicknames, which other crons read otherwise or not at all. */
const VALUE = '(?:\\d{1,2}|[a-z]{3})';
const ITEM = `(?:\\*|${VALUE}(?:-${VALUE})?)(?:/\\d{1,2})?`;
const FIELD = new RegExp(`^${ITEM}(?:,${ITEM})*$`, 'i');

/**
 * Checks a cron expression: exactly five fields (minute, hour, day of month, month, day of week) between blanks, each a
 * list of `*`, values and ranges, where `*` and ranges may have a step. Nicknames (`@daily`) are refused. Whether its
 * dates ever come is not looked at.
 *
 * @returns the expression with single blanks between its fields.
 * @throws {TypeError} when `cron` is no string.
 * @throws {RangeError} when it is longer than 256 characters, has not five fields, or one of them is malformed.
 */
export function checkCron(cron: unknown): string {
  if (typeof cron !== 'string') throw new TypeError(`cron must be a string of five fields; got ${show(cron)}`);
  if (cron.length > MAX_CRON_LENGTH) {
    throw new RangeError(`cron must be at most ${MAX_CRON_LENGTH} characters; got ${cron.length}`);
  }
  const fields = cron.split(/[ \t]+/).filter((field) => field !== '');
  if (fields.length !== FIELDS.length) {
    const names = FIELDS.map(({ name }) => name).join(', ');
    throw new RangeError(`cron must have five fields (${names}); got ${fields.length} in ${show(cron)}`);
  }
  fields.forEach(checkField);
  return fields.join(' ');
}

/** The sets of values that a checked expression names. */
export function parseCron(cron: string): CronPattern {
  return new CronPattern(cron, undefined, { mode: '5-part' });
}

function checkField(field: string, index: number): void {
  if (FIELD.test(field) && isReadable(field, index)) return;
  const { name, values } = FIELDS[index] ?? { name: 'field', values: '' };
  throw new RangeError(
    `cron's ${name} must be * or values of ${values}, with a-b for ranges, */n or a-b/n for steps from 1, and commas ` +
      `between them; got ${show(field)}`,
  );
}

/** Alone among wildcards, so that it is known which field croner refuses: its own messages count months from 0. */
function isReadable(field: string, index: number): boolean {
  try {
    parseCron(FIELDS.map((_, at) => (at === index ? field : '*')).join(' '));
    return true;
  } catch {
    return false;
  }
}
