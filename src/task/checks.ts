import { MAX_DURATION_MS } from './errors.js';

/** Ids, task names and queue names. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,127}$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,63}$/;
const KEY = /^[\x21-\x7e]{1,255}$/;

/** The most tags a run may carry. */
export const MAX_TAGS = 16;
/** Priorities go from minus this to this; higher goes first. */
export const MAX_PRIORITY = 1_000;
/** The longest reason of a cancel, in characters. */
export const MAX_REASON_LENGTH = 500;

/** Shows a wrong value in a message: short, on one line, and never by calling code of the value's own. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value);
}

/** Whether it is an object with members of its own, and no list. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether `value` may be an id, a task's name or a queue's name: 1 to 128 of `A–Z a–z 0–9 _ . : @ -`, first one of `A–Z a–z 0–9 _`. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** @throws {RangeError} when `value` is no valid name; `what` says whose. */
export function checkName(what: string, value: unknown): string {
  if (isName(value)) return value;
  throw new RangeError(
    `${what} must be 1 to 128 of the characters A-Z a-z 0-9 _ . : @ - and begin with a letter, a digit or _; got ${show(value)}`,
  );
}

/** Whether `value` may be a tag: as a name, but at most 64 characters. */
export function isTag(value: unknown): value is string {
  return typeof value === 'string' && TAG.test(value);
}

/**
 * A frozen copy: every snapshot of the run shares it.
 *
 * @throws {TypeError} when `tags` is no array.
 * @throws {RangeError} when there are more than 16 of them or one is malformed.
 */
export function checkTags(tags: unknown): readonly string[] {
  if (!Array.isArray(tags)) throw new TypeError(`tags must be an array of strings; got ${show(tags)}`);
  if (tags.length > MAX_TAGS) throw new RangeError(`tags must be at most ${MAX_TAGS}; got ${tags.length}`);
  // Not map(), which passes over holes.
  return Object.freeze(Array.from(tags, checkTag));
}

function checkTag(tag: unknown): string {
  if (isTag(tag)) return tag;
  throw new RangeError(
    `a tag must be 1 to 64 of the characters A-Z a-z 0-9 _ . : @ - and begin with a letter, a digit or _; got ${show(tag)}`,
  );
}

/** Whether `value` may be an idempotency key: 1 to 255 visible ASCII characters. */
export function isIdempotencyKey(value: unknown): value is string {
  return typeof value === 'string' && KEY.test(value);
}

/** @throws {RangeError} when `key` is no idempotency key. */
export function checkIdempotencyKey(key: unknown): string {
  return checkKey('idempotencyKey', key);
}

/** @throws {RangeError} when `key` is not 1 to 255 visible ASCII characters; `what` says whose. */
export function checkKey(what: string, key: unknown): string {
  if (isIdempotencyKey(key)) return key;
  throw new RangeError(`${what} must be 1 to 255 visible ASCII characters; got ${show(key)}`);
}

/**
 * Checks a signal that may be left out. By its members: `instanceof` says no to a signal of another realm.
 *
 * @throws {TypeError} when it is no AbortSignal.
 */
export function checkSignal(value: unknown): void {
  if (value === undefined) return;
  if (typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value) return;
  throw new TypeError(`signal must be an AbortSignal; got ${show(value)}`);
}

/** The range that {@link checkInteger} and {@link checkDuration} accept, both ends included. */
export interface NumberRange {
  readonly min: number;
  readonly max?: number;
}

/**
 * @throws {TypeError} when `value` is no number.
 * @throws {RangeError} when it is not an integer in the range.
 */
export function checkInteger(
  what: string,
  value: unknown,
  { min, max = Number.MAX_SAFE_INTEGER }: NumberRange,
): number {
  if (typeof value !== 'number')
    throw new TypeError(`${what} must be an integer from ${min} to ${max}; got ${show(value)}`);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${what} must be an integer from ${min} to ${max}; got ${value}`);
}

/** As {@link checkInteger}, and `Infinity` stands for "no limit". */
export function checkLimit(what: string, value: unknown, min = 1): number {
  return value === Infinity ? Infinity : checkInteger(what, value, { min });
}

/**
 * A number of milliseconds, by default from 0 to ten years.
 *
 * @throws {TypeError} when `value` is no number.
 * @throws {RangeError} when it is out of range or not finite.
 */
export function checkDuration(
  what: string,
  value: unknown,
  { min, max = MAX_DURATION_MS }: NumberRange = { min: 0 },
): number {
  if (typeof value !== 'number')
    throw new TypeError(`${what} must be a number of milliseconds from ${min} to ${max}; got ${show(value)}`);
  if (value >= min && value <= max) return value;
  throw new RangeError(`${what} must be a number of milliseconds from ${min} to ${max}; got ${value}`);
}

/** @throws {TypeError|RangeError} when `value` is no integer from -1000 to 1000. */
export function checkPriority(value: unknown): number {
  return checkInteger('priority', value, { min: -MAX_PRIORITY, max: MAX_PRIORITY });
}

/**
 * Refuses anything but an object whose members are all known, so that a misspelt option is never silently ignored.
 *
 * @throws {TypeError} naming the unknown option and the known ones.
 */
export function checkOptions(what: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${what} must be an object; got ${show(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new TypeError(`${what} has no option ${show(key)}; it takes ${known.join(', ')}`);
  }
}
