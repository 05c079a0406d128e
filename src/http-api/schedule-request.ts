import { z } from 'zod';
import { MAX_PRIORITY } from '../task/checks.js';
import { MAX_DURATION_MS } from '../task/errors.js';
import { CATCH_UPS, OVERLAPS, type ScheduleDefinition } from '../task/schedule.js';
import { describeIssues, plainPointer, type InputIssue } from '../task/standard-schema.js';
import { durationSchema, nameSchema, tagsSchema } from './start-request.js';

const DAY_MS = 86_400_000;

/** An instant from 1970 to 9999, ISO 8601 with `Z` or an offset. */
const instantSchema = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .refine((at) => at >= 0 && at < Date.UTC(10_000, 0), { error: 'Expected an instant from 1970 to 9999' });

/** The body of `PUT /schedules/{id}`: `cron` or `everyMs`, and what is to run. Unknown members are refused. */
export const scheduleRequestSchema = z.strictObject({
  /** Which task to run. */
  task: nameSchema,
  /** What each run is given; the task's own schema says what that is. */
  input: z.unknown().optional(),
  /** Five fields: minute, hour, day of month, month, day of week. At most 256 characters. */
  cron: z.string().optional(),
  /** With `cron`: an IANA name. `UTC` unless given. */
  timeZone: z.string().optional(),
  /** Milliseconds: 1,000 to ten years. */
  everyMs: z.int().min(1_000).max(MAX_DURATION_MS).optional(),
  /** With `everyMs`: an instant at which it is due. The beginning of 1970 unless given. */
  anchorAt: instantSchema.optional(),
  overlap: z.enum(OVERLAPS).optional(),
  catchUp: z.enum(CATCH_UPS).optional(),
  /** Milliseconds: 0 to a day. */
  jitterMs: z.int().min(0).max(DAY_MS).optional(),
  /** As it was unless given. */
  paused: z.boolean().optional(),
  /** -1000 to 1000; higher goes first. */
  priority: z.int().min(-MAX_PRIORITY).max(MAX_PRIORITY).optional(),
  /** At most 16. */
  tags: tagsSchema.optional(),
  /** Its runs fail with `QUEUE_EXPIRED` unless they have begun so many milliseconds after their start: more than `jitterMs`. */
  expiresInMs: durationSchema.min(1).optional(),
});

/** What {@link parseScheduleRequest} found. */
export type ParsedSchedule =
  | { readonly ok: true; readonly definition: ScheduleDefinition }
  | { readonly ok: false; readonly errors: readonly InputIssue[] };

/**
 * Checks the body of `PUT /schedules/{id}`, but not whether `cron` and `timeZone` are any. The errors are at most 20, and
 * hold nothing of the body but plain names of members.
 */
export function parseScheduleRequest(body: unknown): ParsedSchedule {
  const parsed = scheduleRequestSchema.safeParse(body);
  if (!parsed.success) {
    const errors = describeIssues(parsed.error.issues);
    return { ok: false, errors: errors.map((each) => ({ ...each, pointer: plainPointer(each.pointer) })) };
  }
  // A member that is there has a value: JSON knows no undefined.
  const definition = parsed.data as ScheduleDefinition;
  const errors = disagreements(definition);
  return errors.length === 0 ? { ok: true, definition } : { ok: false, errors };
}

/** Members that are well by themselves, but not beside each other. */
function disagreements({
  cron,
  timeZone,
  everyMs,
  anchorAt,
  jitterMs = 0,
  expiresInMs,
}: ScheduleDefinition): InputIssue[] {
  const [byCron, byInterval] = [cron !== undefined, everyMs !== undefined];
  return [
    byCron === byInterval && { pointer: '', detail: 'Expected cron or everyMs, and not both' },
    !byCron && timeZone !== undefined && { pointer: '/timeZone', detail: 'Expected only together with cron' },
    !byInterval && anchorAt !== undefined && { pointer: '/anchorAt', detail: 'Expected only together with everyMs' },
    expiresInMs !== undefined &&
      expiresInMs <= jitterMs && {
        pointer: '/expiresInMs',
        detail: 'Expected more than jitterMs: runs would expire before they begin',
      },
  ].filter((issue) => issue !== false);
}
