import { createHash } from 'node:crypto';
import { checkInteger, checkName, show } from '../task/checks.js';

/** The longest id of a schedule, in characters: the ids of its runs say the due time as well. */
export const MAX_SCHEDULE_ID_LENGTH = 100;
/** The longest jitter, in milliseconds: a day. */
export const MAX_JITTER_MS = 86_400_000;

/** 48 bits are what a number holds exactly and `readUIntBE` reads at most. */
const HASH_BYTES = 6;
/** 144 bits, in an id of 125 characters at most. */
const KEY_DIGITS = 24;

/** @throws {RangeError} when `value` is no id of at most 100 characters. */
export function checkScheduleId(value: unknown): string {
  const id = checkName('id of a schedule', value);
  if (id.length <= MAX_SCHEDULE_ID_LENGTH) return id;
  throw new RangeError(`id of a schedule must be at most ${MAX_SCHEDULE_ID_LENGTH} characters; got ${show(value)}`);
}

/** @throws {TypeError|RangeError} when `value` is no integer from 0 to a day of milliseconds. */
export function checkJitter(value: unknown): number {
  return checkInteger('jitterMs', value, { min: 0, max: MAX_JITTER_MS });
}

/**
 * The id of the run that a schedule starts for a due time, the same in every process: `report@20261121T024500Z`, with
 * milliseconds (`024500.250Z`) where there are any. It tells the planned time, jitter aside.
 */
export function dueRunId(scheduleId: string, dueAt: number): string {
  const basic = new Date(dueAt).toISOString().replace(/[-:]/g, '').replace('.000Z', 'Z');
  return `${scheduleId}@${basic}`;
}

/** The id of the run that is started by hand for this key, the same in every process. */
export function triggeredRunId(scheduleId: string, key: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([scheduleId, key]))
    .digest('base64url');
  return `${scheduleId}@${digest.slice(0, KEY_DIGITS)}`;
}

/**
 * How many milliseconds after its due time a run begins: from 0 to `jitterMs`, both included, spread evenly over
 * schedules and due times, and the same in every process.
 */
export function jitterOf(scheduleId: string, dueAt: number, jitterMs: number): number {
  const hash = createHash('sha256').update(dueRunId(scheduleId, dueAt)).digest();
  return Math.floor((hash.readUIntBE(0, HASH_BYTES) / 2 ** (8 * HASH_BYTES)) * (jitterMs + 1));
}
