import { ownRoutes } from '../koa/own-routes.js';
import type { TaskManager } from '../manager/task-manager.js';
import { isRecord, show } from '../task/checks.js';
import type { ScheduleDefinition } from '../task/schedule.js';
import { CommandError, failure, messageOf } from './command-error.js';

/** A schedule that a module exports, with its id. What is in it is checked when it is put. */
export type NamedSchedule = readonly [id: string, definition: ScheduleDefinition];

/** Makes the routes that a module brings along. */
export type MakeRoutes = (manager: TaskManager) => ReturnType<typeof ownRoutes>;

/**
 * The export `schedules` of a module.
 *
 * @throws {CommandError} 1 when it is no object of schedules.
 */
export function schedulesOf(what: string, exported: unknown): readonly NamedSchedule[] {
  if (exported === undefined) return [];
  if (isRecord(exported) && Object.values(exported).every(isRecord)) {
    return Object.entries(exported as Readonly<Record<string, ScheduleDefinition>>);
  }
  throw new CommandError(
    1,
    `${what}: the export schedules must be an object of schedules by their ids, such as { nightly: { task, cron: '30 2 * * *' } }; got ${show(exported)}`,
  );
}

/**
 * The export `routes` of a module: a function that is given the manager.
 *
 * @throws {CommandError} 1 when it is no function; what it gives throws one when it gives no routers.
 */
export function routesOf(what: string, exported: unknown): readonly MakeRoutes[] {
  if (exported === undefined) return [];
  if (typeof exported !== 'function') {
    throw new CommandError(
      1,
      `${what}: the export routes must be a function ({ manager }) => router; got ${show(exported)}`,
    );
  }
  const make = exported as (parts: { readonly manager: TaskManager }) => unknown;
  return [(manager) => madeRoutes(what, () => make({ manager }))];
}

function madeRoutes(what: string, make: () => unknown): ReturnType<typeof ownRoutes> {
  try {
    return ownRoutes('the export routes', make());
  } catch (error) {
    throw failure(`${what}: ${messageOf(error)}`, error);
  }
}
