import { defineTask, type Task } from 'errand';
import { z } from 'zod';
import { presentTime } from '../present-time.js';
import type { UserStore } from '../users/user-store.js';

const DAY_MS = 86_400_000;

/** What happened on one day of UTC. */
export interface DailyReport {
  readonly day: string;
  readonly registered: number;
  /** How many users there are now. */
  readonly users: number;
}

const input = z.strictObject({
  /** Such as 2026-01-31. The day before the run begins, unless given. */
  day: z.iso.date().optional(),
});

/**
 * A task that counts what happened on a day. Its schedule says nothing of the day: a report that is late, because the process
 * was not there in the morning, is about the day before all the same.
 */
export function dailyReportOf(
  users: UserStore,
  now = presentTime,
): Task<z.input<typeof input> | undefined, DailyReport> {
  return defineTask({
    name: 'daily-report',
    input: input.prefault({}),
    queue: 'upkeep',
    handler: ({ day = dayOf(now() - DAY_MS) }, ctx) => {
      const from = Date.parse(day);
      const registered = users.registered({ from, until: from + DAY_MS });
      ctx.log.info(`${registered} registered on ${day}`);
      return { day, registered, users: users.size };
    },
  });
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
