import type { StoredSchedule } from '../../../ports/schedules.js';

/** A schedule as a text that begins with its version on a line: so a server can compare that without reading JSON. */
export function writeSchedule(schedule: StoredSchedule): string {
  return `${schedule.version}\n${JSON.stringify(schedule)}`;
}

/** Reads what {@link writeSchedule} wrote. */
export function readSchedule(text: string): StoredSchedule {
  return JSON.parse(text.slice(text.indexOf('\n') + 1)) as StoredSchedule;
}
