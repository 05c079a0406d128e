import { isUtf8 } from 'node:buffer';
import { badRecord, type ImportRecord, type RecordPlace } from './import-record.js';

/** How deep a value may be nested: the same as in a request's body. */
export const MAX_NESTING = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Reads a record that is one JSON value. Never throws. */
export function jsonRecord(place: RecordPlace, bytes: Buffer): ImportRecord {
  if (!isUtf8(bytes)) return badRecord(place, 'The text is not valid UTF-8');
  // Looked at first: `JSON.parse` takes any depth, and what reads its value later does not.
  if (isNestedDeeper(bytes, MAX_NESTING)) return badRecord(place, `The value is nested more than ${MAX_NESTING} deep`);
  try {
    return { ...place, item: JSON.parse(bytes.toString()) as unknown };
  } catch {
    return badRecord(place, 'The text is not valid JSON'); // the parser's own message quotes the text
  }
}

/** Whether arrays and objects stand in one another more than `limit` deep. Takes malformed text too. */
export function isNestedDeeper(bytes: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (inString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (isOpening(byte) && ++depth > limit) return true;
    else if (isClosing(byte)) depth -= 1;
  }
  return false;
}

/** Whether the byte is `[` or `{`. */
export function isOpening(byte: number): boolean {
  return byte === 0x5b || byte === 0x7b;
}

/** Whether the byte is `]` or `}`. */
export function isClosing(byte: number): boolean {
  return byte === 0x5d || byte === 0x7d;
}

/** Whether the byte is a space, a tab, or one of an end of a line. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
