import { convertToJson, type JsonDialect, type JsonValue, MAX_JSON_BYTES, setMember } from './json-conversion.js';

/** What {@link encodeValue} made of a value, or why it made nothing. */
export type Encoding =
  { readonly ok: true; readonly text: string | null } | { readonly ok: false; readonly reason: string };

/**
 * Writes a value as text, to be kept by a durable backend; {@link decodeValue} gives an equal one back.
 *
 * What JSON can say is written as JSON, with the members that are `undefined` left out. Beyond it come back as they
 * were: a top-level `undefined` (written as null, no text at all), dates, BigInts, `NaN`, the infinities and −0, and
 * errors with their name, message, code and cause. Other objects are written as JSON does it: by their `toJSON`, or by
 * their own members; so they come back as plain ones. Each of the first is an object of one member that begins with
 * `$`, such as `{ "$date": "2026-11-21T00:00:00.000Z" }`; an object that happens to look so is wrapped in one
 * (`$object`).
 *
 * Refused, with the reason: cycles, functions, symbols, maps, sets, binary data, promises, more than 64 levels, more
 * than 1 MiB of text. Never throws.
 */
export function encodeValue(value: unknown): Encoding {
  if (value === undefined) return { ok: true, text: null };
  const converted = convertToJson(value, STORED);
  if (!converted.ok) return converted;
  const text = JSON.stringify(converted.value);
  // The conversion counts characters; what is kept is bytes.
  if (text.length * 3 > MAX_JSON_BYTES && new TextEncoder().encode(text).length > MAX_JSON_BYTES)
    return { ok: false, reason: 'it is larger than 1 MiB' };
  return { ok: true, text };
}

/** Reads what {@link encodeValue} wrote. @throws {SyntaxError} when the text is something else. */
export function decodeValue(text: string | null): unknown {
  return text === null ? undefined : revive(JSON.parse(text) as JsonValue);
}

const STORED: JsonDialect = {
  number: (value) => ({ $number: Object.is(value, -0) ? '-0' : String(value) }),
  bigint: (digits) => ({ $bigint: digits }),
  date: (iso) => ({ $date: iso }),
  error: (members) => ({ $error: { ...members } }),
  members: (members) => (markOf(members) === undefined ? members : { $object: members }),
  withCauses: true,
};

/** The only member of an object, where its name begins with `$`. */
function markOf(members: { readonly [key: string]: JsonValue }): string | undefined {
  const [first, second] = Object.keys(members);
  return first !== undefined && second === undefined && first.startsWith('$') ? first : undefined;
}

function revive(value: JsonValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map(revive);
  const mark = markOf(value);
  return mark === undefined ? reviveMembers(value) : reviveMarked(mark, value[mark] ?? null);
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function reviveMembers(members: { readonly [key: string]: JsonValue }): Record<string, unknown> {
  const revived: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(members)) setMember(revived, key, revive(member));
  return revived;
}

function reviveMarked(mark: string, value: JsonValue): unknown {
  if (typeof value === 'string') {
    if (mark === '$date') return new Date(value);
    if (mark === '$bigint') return BigInt(value);
    if (mark === '$number') return Number(value);
  } else if (typeof value === 'object' && value !== null && !isList(value)) {
    if (mark === '$object') return reviveMembers(value);
    if (mark === '$error') return reviveError(reviveMembers(value));
  }
  throw new SyntaxError(`a stored value has the unknown mark ${mark.slice(0, 20)}`);
}

/** An `Error`, whatever class it was of: classes do not outlive the process. */
function reviveError({ name, message, code, cause }: Record<string, unknown>): Error {
  const error = new Error(String(message), cause === undefined ? undefined : { cause });
  // As on errors of the language: there, but not listed.
  const hidden = { writable: true, configurable: true, enumerable: false };
  if (name !== error.name) Object.defineProperty(error, 'name', { ...hidden, value: name });
  if (code !== undefined) Object.assign(error, { code });
  delete error.stack; // it would name the place where the record was read
  return error;
}
