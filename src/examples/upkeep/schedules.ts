import type { AnyTask, ScheduleDefinition } from 'errand';

/** The tasks that {@link upkeepSchedules} plans. */
export interface UpkeepTasks {
  readonly cleanUpExpired: AnyTask;
  readonly healthCheck: AnyTask;
  readonly dailyReport: AnyTask;
}

/** When upkeep is due, by the ids of the schedules. Whoever wants other times pauses these and puts others beside them. */
export function upkeepSchedules(tasks: UpkeepTasks): Readonly<Record<string, ScheduleDefinition>> {
  return {
    // What was missed makes no difference: the next run removes it all.
    'clean-up-expired': { task: tasks.cleanUpExpired, everyMs: 600_000 },
    // A check that begins late says nothing about the time that it was for.
    'health-check': { task: tasks.healthCheck, everyMs: 300_000, expiresInMs: 60_000 },
    // Someone reads it with the first coffee; after an outage the last one is still of use.
    'daily-report': { task: tasks.dailyReport, cron: '0 6 * * *', timeZone: 'Europe/Berlin', catchUp: 'last' },
  };
}
