import type { ScheduleSettings, StoredSchedule } from '../ports/schedules.js';
import type { Schedule } from '../task/schedule.js';

/** A schedule as it is shown: without its input. */
export function scheduleOf(state: StoredSchedule, nextAt: number | null): Schedule {
  const { plan, task, overlap, catchUp, jitterMs, priority, tags, owner, expiresInMs } = state.settings;
  const due =
    'cron' in plan
      ? { cron: plan.cron, timeZone: plan.timeZone, everyMs: null, anchorAt: null }
      : { cron: null, timeZone: null, everyMs: plan.everyMs, anchorAt: plan.anchorAt };
  return {
    id: state.id,
    version: state.version,
    task,
    ...due,
    ...{ overlap, catchUp, jitterMs, priority, tags, owner, expiresInMs },
    paused: state.paused,
    createdAt: state.createdAt,
    updatedAt: state.updatedAt,
    nextAt,
    lastRun: state.lastRun,
    skipped: state.skipped,
    waiting: state.waiting.length,
    lastError: state.lastError,
  };
}

/** Whether two settings say the same. */
export function sameSettings(a: ScheduleSettings, b: ScheduleSettings): boolean {
  return canonical(a) === canonical(b);
}

function canonical({ plan, ...settings }: ScheduleSettings): string {
  return JSON.stringify([sorted(plan), sorted(settings)]);
}

function sorted(members: object): unknown {
  return Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1));
}
