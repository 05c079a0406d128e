import type { Schedule } from '../task/schedule.js';
import { toIso } from './run-resource.js';

type PlainMember =
  | 'id'
  | 'task'
  | 'cron'
  | 'timeZone'
  | 'everyMs'
  | 'overlap'
  | 'catchUp'
  | 'jitterMs'
  | 'paused'
  | 'priority'
  | 'tags'
  | 'expiresInMs'
  | 'skipped'
  | 'waiting';

/** A schedule on the wire. Inputs are never in it. Instants are ISO 8601, in UTC. */
export interface ScheduleResource extends Pick<Schedule, PlainMember> {
  readonly anchorAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly nextAt: string | null;
  readonly lastRun: { readonly id: string; readonly at: string; readonly dueAt: string | null } | null;
  readonly lastError: {
    readonly code: string;
    readonly message: string;
    readonly at: string;
    readonly dueAt: string | null;
  } | null;
  readonly links: {
    readonly self: string;
    readonly trigger: string;
    readonly preview: string;
    readonly lastRun: string | null;
  };
}

/** Where schedules and runs are: paths of their own. */
export interface ScheduleView {
  readonly base: string;
  readonly runsBase: string;
}

/** A schedule as it is shown over HTTP. */
export function toScheduleResource(schedule: Schedule, { base, runsBase }: ScheduleView): ScheduleResource {
  const { id, task, cron, timeZone, everyMs, anchorAt, overlap, catchUp, jitterMs, paused } = schedule;
  const { priority, tags, expiresInMs, createdAt, updatedAt, nextAt, lastRun, lastError, skipped, waiting } = schedule;
  const self = `${base}/${id}`;
  return {
    ...{ id, task, cron, timeZone, everyMs, anchorAt: instant(anchorAt) },
    ...{ overlap, catchUp, jitterMs, paused, priority, tags, expiresInMs },
    createdAt: toIso(createdAt),
    updatedAt: toIso(updatedAt),
    nextAt: instant(nextAt),
    lastRun: lastRun && { id: lastRun.id, at: toIso(lastRun.at), dueAt: instant(lastRun.dueAt) },
    ...{ skipped, waiting },
    lastError: lastError && { ...lastError, at: toIso(lastError.at), dueAt: instant(lastError.dueAt) },
    links: {
      self,
      trigger: `${self}/trigger`,
      preview: `${self}/preview`,
      lastRun: lastRun && `${runsBase}/${lastRun.id}`,
    },
  };
}

function instant(at: number | null): string | null {
  return at === null ? null : toIso(at);
}
