import type { Context } from 'koa';
import { parseScheduleRequest } from '../http-api/schedule-request.js';
import { parsePlan } from '../schedule/plan.js';
import type { ScheduleDefinition } from '../task/schedule.js';
import type { InputIssue } from '../task/standard-schema.js';
import type { BodyPatience } from './body-patience.js';
import { readJsonBody } from './request-body.js';
import { RequestError } from './request-error.js';

/** The body of `PUT /schedules/{id}`. @throws {RequestError} 422 when it is no schedule; as `readJsonBody` does. */
export async function readDefinition(ctx: Context, patience: BodyPatience): Promise<ScheduleDefinition> {
  const parsed = parseScheduleRequest(await readJsonBody(ctx, patience));
  const errors = parsed.ok ? planIssues(parsed.definition) : parsed.errors;
  if (parsed.ok && errors.length === 0) return parsed.definition;
  throw new RequestError(422, 'REQUEST_INVALID', 'The body is no schedule', { errors });
}

function planIssues({ cron, timeZone }: ScheduleDefinition): readonly InputIssue[] {
  if (cron === undefined) return [];
  const issue = issueAt('/cron', { cron });
  if (issue !== undefined) return [issue];
  return timeZone === undefined ? [] : [issueAt('/timeZone', { cron, timeZone })].filter((each) => each !== undefined);
}

/** What is wrong with a plan, without what was sent. */
function issueAt(pointer: string, plan: object): InputIssue | undefined {
  try {
    parsePlan(plan);
    return undefined;
  } catch (error) {
    const [detail = ''] = error instanceof Error ? error.message.split('; got ') : [];
    return { pointer, detail };
  }
}
