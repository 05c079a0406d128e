import { convertToJson, type JsonConversion, type JsonDialect } from './json-conversion.js';

/**
 * Turns any value into one that JSON can express, for results that leave the process.
 *
 * As `JSON.stringify` does it: dates and `toJSON` are honoured, `undefined` members are left out, `NaN` and the
 * infinities become null. Beyond it: a top-level `undefined` becomes null, a BigInt its decimal digits, an error
 * `{ name, message, code? }`. Refused, with the reason: cycles, functions, symbols, maps, sets, binary data, promises,
 * more than 64 levels, more than 1 MiB. Never throws, whatever getters and proxies do, and ends on every finite value.
 */
export function toJsonValue(value: unknown): JsonConversion {
  return convertToJson(value, PLAIN);
}

/** What only reads well: a reader cannot tell a date from a text. */
const PLAIN: JsonDialect = {
  number: (value) => (value === 0 ? 0 : null),
  bigint: (digits) => digits,
  error: ({ name, message, code }) => ({ name, message, ...(code !== undefined && { code }) }),
  members: (members) => members,
};
