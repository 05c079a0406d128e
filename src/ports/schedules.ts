import type { CatchUp, LastRun, Overlap, Plan, ScheduleError } from '../task/schedule.js';
import type { NewRun } from './new-run.js';
import type { Accepted, MaybePromise } from './stored-run.js';

/** What a schedule starts, and when: what was put, checked, with its defaults filled in. */
export interface ScheduleSettings {
  readonly task: string;
  /** As `encodeValue` writes it: null is undefined. */
  readonly input: string | null;
  readonly plan: Plan;
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  readonly jitterMs: number;
  readonly priority: number | null;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly expiresInMs: number | null;
}

/** A schedule as a backend keeps it: a value that survives JSON. Only its id and version mean anything to a backend. */
export interface StoredSchedule {
  readonly id: string;
  /** Another one after each change: from 1, by 1. */
  readonly version: number;
  readonly settings: ScheduleSettings;
  readonly paused: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The last due time that was dealt with, or the instant from which on they count: only later ones are looked at. */
  readonly cursorAt: number;
  readonly skipped: number;
  /** Due times that wait for their turn, ascending. */
  readonly waiting: readonly number[];
  readonly lastRun: LastRun | null;
  readonly lastError: ScheduleError | null;
}

/** What a backend does with schedules. It starts nothing by itself. */
export interface ScheduleStore {
  /** All of them, in any order. */
  schedules(): MaybePromise<readonly StoredSchedule[]>;
  /**
   * Keeps a schedule in the place of its version `expectedVersion`; with null, a new one.
   *
   * @returns false, and changes nothing, where another version is kept, or none (null: where there is one).
   * @throws {TaskError} BACKEND when it cannot be kept: nothing was changed, or, with `accepted: 'unknown'` in its `details`,
   * nobody knows whether that was.
   */
  saveSchedule(schedule: StoredSchedule, expectedVersion: number | null): MaybePromise<boolean>;
  /**
   * Removes a schedule, whatever its version.
   *
   * @returns whether there was one. @throws {TaskError} BACKEND as `saveSchedule`.
   */
  removeSchedule(id: string): MaybePromise<boolean>;
  /**
   * Accepts a run of a schedule and keeps the schedule as it is then, both or neither: that is what makes it one run for
   * each due time. Where there is a run of that id, that run is given instead, and the schedule kept all the same: one
   * that has ended is not replaced, as `accept` would, for its due time has had its run.
   *
   * @returns undefined, and accepts nothing, where another version than `expectedVersion` is kept.
   * @throws {TaskError} as `accept`; the schedule is as it was then.
   */
  acceptDue(run: NewRun, schedule: StoredSchedule, expectedVersion: number): MaybePromise<Accepted | undefined>;
}
