/** Nobody is called again sooner, and nobody is waited for longer, whatever is asked for. In milliseconds. */
const SHORTEST_MS = 1_000;
const LONGEST_MS = 3_600_000;

/**
 * How long a `Retry-After` header asks to wait: seconds or an HTTP date, from a second to an hour.
 *
 * @param now epoch milliseconds
 * @returns milliseconds; undefined where the header is missing or makes no sense
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  const wantedMs = readDelay(header?.trim() ?? '', now);
  return wantedMs === undefined ? undefined : Math.min(Math.max(wantedMs, SHORTEST_MS), LONGEST_MS);
}

function readDelay(text: string, now: number): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  // `Date.parse` takes much that is no HTTP date, in the time zone of this computer.
  const at = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/.test(text)
    ? Date.parse(text)
    : NaN;
  return Number.isNaN(at) ? undefined : at - now;
}
