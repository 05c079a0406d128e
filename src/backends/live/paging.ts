/** How many runs one page looks at: a filter that nothing matches must not block the event loop. */
export const SCAN_LIMIT = 5_000;

/** The part of a cursor that names the last run of a page. */
export function writeOrdinal(ordinal: number): string {
  return ordinal.toString(36);
}

/**
 * Reads what {@link writeOrdinal} wrote.
 *
 * @throws {RangeError} when it is anything else.
 */
export function readOrdinal(text: string): number {
  const ordinal = /^[0-9a-z]{1,11}$/.test(text) ? parseInt(text, 36) : NaN;
  if (Number.isSafeInteger(ordinal)) return ordinal;
  throw new RangeError('cursor must be the nextCursor of an earlier page');
}
