import type { ScheduleSettings } from '../ports/schedules.js';
import { checkDuration, checkName, checkOptions, checkPriority, checkTags, show } from '../task/checks.js';
import { TaskError } from '../task/errors.js';
import { CATCH_UPS, OVERLAPS, type ScheduleDefinition } from '../task/schedule.js';
import { encodeValue } from '../task/stored-value.js';
import { checkJitter } from './due-run.js';
import { parsePlan } from './plan.js';

const KNOWN: readonly (keyof ScheduleDefinition)[] = [
  'task',
  'input',
  'cron',
  'timeZone',
  'everyMs',
  'anchorAt',
  'overlap',
  'catchUp',
  'jitterMs',
  'paused',
  'priority',
  'tags',
  'owner',
  'expiresInMs',
];

/** What was put, checked. */
export interface ParsedDefinition {
  readonly settings: ScheduleSettings;
  /** Undefined where nothing was said. */
  readonly paused: boolean | undefined;
}

/** @throws {TypeError} when it is no object, or has a member that is not known. */
export function checkDefinition(definition: unknown): void {
  checkOptions('a schedule', definition, KNOWN);
}

/**
 * Checks the members of a definition, and fills in their defaults.
 *
 * @param task the name of its task.
 * @throws {TypeError|RangeError} when one is of the wrong type or out of range, or the plan's dates never come.
 * @throws {TaskError} INPUT_INVALID when the input cannot be stored.
 */
export function parseDefinition(definition: ScheduleDefinition, task: string): ParsedDefinition {
  const { input, overlap = 'skip', catchUp = 'none', jitterMs = 0, paused, priority, tags, owner } = definition;
  checkOneOf('overlap', overlap, OVERLAPS);
  checkOneOf('catchUp', catchUp, CATCH_UPS);
  if (paused !== undefined && typeof paused !== 'boolean')
    throw new TypeError(`paused must be true or false; got ${show(paused)}`);
  const settings: ScheduleSettings = {
    task,
    input: textOf(input),
    plan: parsePlan(planOf(definition)),
    overlap,
    catchUp,
    jitterMs: checkJitter(jitterMs),
    priority: priority === undefined ? null : checkPriority(priority),
    tags: tags === undefined ? [] : checkTags(tags),
    owner: owner === undefined ? null : checkName('owner', owner),
    expiresInMs: checkExpiry(definition.expiresInMs, jitterMs),
  };
  return { settings, paused };
}

/** Those members of a definition that are there and say when it is due. */
function planOf(definition: ScheduleDefinition): object {
  const { cron, timeZone, everyMs, anchorAt } = definition;
  const given = Object.entries({ cron, timeZone, everyMs, anchorAt }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

function checkOneOf(what: string, value: unknown, known: readonly string[]): void {
  if (known.some((each) => each === value)) return;
  throw new RangeError(`${what} must be ${known.map((each) => `'${each}'`).join(' or ')}; got ${show(value)}`);
}

function checkExpiry(expiresInMs: number | undefined, jitterMs: number): number | null {
  if (expiresInMs === undefined) return null;
  checkDuration('expiresInMs', expiresInMs, { min: 1 });
  if (expiresInMs > jitterMs) return expiresInMs;
  throw new RangeError(
    `expiresInMs (${expiresInMs}) must be above jitterMs (${jitterMs}): runs would expire before they begin`,
  );
}

function textOf(input: unknown): string | null {
  const encoded = encodeValue(input);
  if (encoded.ok) return encoded.text;
  throw new TaskError('INPUT_INVALID', `The input of a schedule is stored, and this one cannot be: ${encoded.reason}`);
}
