import type { BookedEnd, Claim, FleetBook, KeyClaim, Place, Placed } from '../../../src/backends/bullmq/book/book.js';
import { laneNameOf } from '../../../src/backends/bullmq/runs/lane-name.js';
import type { StoredSchedule } from '../../../src/ports/schedules.js';

export const LANE = laneNameOf({ queue: 'default', kind: 'run', task: 'mail', process: null });
export const OTHER_LANE = laneNameOf({ queue: 'slow', kind: 'run', task: 'report', process: null });
export const IMPORTS = laneNameOf({ queue: 'default', kind: 'import', task: 'mail', process: null });

/** An hour of a day, in epoch ms. */
export const NOON = 1_790_000_000_000;

let made = 0;

/** A place of a run, with the n-th ordinal. */
export function placeOf(jobId: string, place: Partial<Place> = {}): Place {
  made += 1;
  return { jobId, lane: LANE, ordinal: NOON * 4096 + made, versionBase: 0, since: NOON, ...place };
}

export function placed(id: string, place: Partial<Place> = {}): Placed {
  return { id, place: placeOf(id, place) };
}

/** A claim of an id, with nothing else. */
export function claimOf(id: string, claim: Partial<Claim> = {}): Claim {
  return {
    ...{ id, place: placeOf(`job-${id}`), replaces: null, key: null, job: null, schedule: null },
    ...{ redrives: null, expiresAt: null },
    ...claim,
  };
}

export function keyOf(name: string, key: Partial<KeyClaim> = {}): KeyClaim {
  return { name, fingerprint: 'f', at: NOON, keepMs: 1_000, maxKeys: 100, ...key };
}

/** An end of the run whose job has this id. */
export function endOf(jobId: string, end: Partial<BookedEnd> = {}): BookedEnd {
  return {
    ...{ jobId, id: jobId.replace(/^job-/, ''), lane: LANE, status: 'cancelled', finishedAt: NOON + 10 },
    ...{ keyName: null, held: false, text: `end of ${jobId}` },
    ...end,
  };
}

export function scheduleOf(id: string, version: number): StoredSchedule {
  const settings = { task: 'mail', input: '"{\\n}"', plan: { everyMs: 1_000 }, overlap: 'skip', catchUp: 'none' };
  const rest = { jitterMs: 0, priority: null, tags: [], owner: null, expiresInMs: null };
  return {
    ...{ id, version, settings: { ...settings, ...rest } as unknown as StoredSchedule['settings'] },
    ...{ paused: false, createdAt: NOON, updatedAt: NOON, cursorAt: NOON, skipped: 0, waiting: [] },
    ...{ lastRun: null, lastError: null },
  };
}

/** The ids of all runs that are listed. */
export async function listed(book: FleetBook): Promise<string[]> {
  return (await book.page(Infinity, 1_000)).map(({ id }) => id);
}
