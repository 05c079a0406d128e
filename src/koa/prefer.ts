/** The longest wait, in seconds; more is taken as this. */
const MAX_WAIT_S = 30;
/** Nobody needs more; searching a long one for its quotes takes the square of its length. */
const MAX_HEADER_LENGTH = 1_000;

/**
 * How many seconds `Prefer: wait=N`, or `wait="N"`, asks to wait: 0 to 30, or undefined where it does not ask, or not in a way that
 * can be read. Other preferences are passed over. Of several waits the first counts.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7240
 */
export function parsePreferWait(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const preferences = typeof header === 'string' ? header : header.join(',');
  if (preferences.length > MAX_HEADER_LENGTH) return undefined;
  for (const preference of preferences.replaceAll(QUOTED, digitsOrNothing).split(',')) {
    const [assignment = ''] = preference.split(';', 1);
    const [name = '', value = ''] = assignment.split('=');
    if (name.trim().toLowerCase() === 'wait') return toSeconds(value.trim());
  }
  return undefined;
}

/** Quoted values may hold commas and semicolons. */
const QUOTED = /"(?:[^"\\]|\\.)*"/g;

function digitsOrNothing(quoted: string): string {
  return /^"[0-9]+"$/.test(quoted) ? quoted : '""';
}

function toSeconds(value: string): number | undefined {
  const digits = /^(?:([0-9]+)|"([0-9]+)")$/.exec(value);
  return digits ? Math.min(MAX_WAIT_S, Number(digits[1] ?? digits[2])) : undefined;
}
