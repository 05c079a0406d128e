import type { ScheduleSettings, StoredSchedule } from '../ports/schedules.js';
import type { Accepted } from '../ports/stored-run.js';
import { TaskError } from '../task/errors.js';
import type { Schedule } from '../task/schedule.js';
import { nextDue } from './due.js';
import { triggeredRunId } from './due-run.js';
import { cursorFrom, pausedFrom } from './due-state.js';
import type { Due } from './due-timer.js';
import { sameSettings, scheduleOf } from './schedule-snapshot.js';
import type { SchedulerParts } from './scheduler-parts.js';

/** What a {@link PlannedSchedule} tells its scheduler. */
export interface PlannedCalls {
  /** It is due at another time, or there is something else that it waits for. */
  readonly replanned: () => void;
  /** It is not kept any more: another process has removed it. */
  readonly gone: () => void;
}

/** A schedule as it is: what is kept of it, and where that is behind because it could not be kept yet. */
export class PlannedSchedule implements Due {
  index = -1;
  nextAt: number | null = null;
  /** No due time fires any more. */
  over = false;
  /** What was due by then has been started, or skipped, or waits: see `DueSteps`. In epoch milliseconds. */
  lookedAt = 0;
  readonly #parts: SchedulerParts;
  readonly #calls: PlannedCalls;
  #kept: StoredSchedule;
  #state: StoredSchedule;

  constructor(kept: StoredSchedule, parts: SchedulerParts, calls: PlannedCalls) {
    this.#kept = kept;
    this.#state = kept;
    this.#parts = parts;
    this.#calls = calls;
    this.nextAt = this.#nextAt();
  }

  get id(): string {
    return this.#state.id;
  }

  /** What is to be kept. */
  get state(): StoredSchedule {
    return this.#state;
  }

  /** Whether it will start something, so that the process is to stay up. */
  get awaits(): boolean {
    return !this.over && !this.#state.paused && (this.nextAt !== null || this.#state.waiting.length > 0);
  }

  /** The time of day in whole milliseconds. */
  get now(): number {
    return Math.max(0, Math.floor(this.#parts.clock.now()));
  }

  snapshot(): Schedule {
    return scheduleOf(this.#state, this.nextAt);
  }

  /** Something has happened that is to be kept: see {@link save}. */
  change(changes: Partial<StoredSchedule>): void {
    this.#set({ ...this.#state, ...changes });
  }

  /**
   * Keeps what has changed.
   *
   * @returns false where another process has changed the schedule: it is as that has left it now, and nothing that was
   * read of it before counts any more.
   * @throws {TaskError} BACKEND when it cannot be kept; what has changed stays so.
   */
  async save(): Promise<boolean> {
    if (this.#state === this.#kept) return true;
    const next = this.#next(this.#state);
    const saved = await this.#parts.store.saveSchedule(next, this.#kept.version);
    if (saved) this.#keep(next);
    else await this.#reload();
    return saved;
  }

  /**
   * Starts a run; from then on the schedule has these changes.
   *
   * @returns undefined where another process has changed the schedule: it is as that has left it now.
   * @throws as `TaskManager.start` does; nothing has changed then.
   */
  async start(
    run: { readonly id: string; readonly delayMs: number },
    changes: Partial<StoredSchedule>,
  ): Promise<Accepted | undefined> {
    const schedule = this.#next({ ...this.#state, ...changes });
    const accepted = await this.#parts.start({ ...run, schedule, expectedVersion: this.#kept.version });
    if (accepted === undefined) await this.#reload();
    else this.#keep(schedule);
    return accepted;
  }

  /** Puts other settings in the place of these: the plan begins again. The same ones leave it as it is. */
  async replace(settings: ScheduleSettings, paused: boolean | undefined): Promise<void> {
    await this.#update((state, now) => {
      const isPaused = paused ?? state.paused;
      if (sameSettings(settings, state.settings)) return this.#pausedOrNot(state, isPaused, now);
      const skipped = state.skipped + state.waiting.length;
      const cursorAt = cursorFrom(state, now);
      return { ...state, settings, paused: isPaused, cursorAt, skipped, waiting: [], lastError: null, updatedAt: now };
    });
  }

  /** Due times during a pause, from the last look on, are not caught up; those that wait for their turn wait on. */
  async setPaused(paused: boolean): Promise<void> {
    await this.#update((state, now) => (state.paused === paused ? undefined : this.#pausedOrNot(state, paused, now)));
  }

  /**
   * Starts a run now. The plan stays as it is.
   *
   * @param key one that was started with this key before is given instead, as long as it is kept.
   */
  async trigger(key: string | undefined): Promise<Accepted> {
    const id = key === undefined ? this.#parts.newRunId() : triggeredRunId(this.id, key);
    for (;;) {
      const earlier = key === undefined ? undefined : await this.#parts.find(id);
      if (earlier !== undefined) return { run: earlier, replayed: true };
      const accepted = await this.start({ id, delayMs: 0 }, { lastRun: { id, at: this.now, dueAt: null } });
      if (accepted !== undefined) return accepted;
      if (this.over) throw unknownSchedule(this.id);
    }
  }

  /** @param make gives undefined where there is nothing to change. */
  async #update(make: (state: StoredSchedule, now: number) => StoredSchedule | undefined): Promise<void> {
    for (;;) {
      const made = make(this.#state, this.now);
      if (made === undefined) return;
      const next = this.#next(made);
      if (await this.#parts.store.saveSchedule(next, this.#kept.version)) {
        this.#keep(next);
        return;
      }
      await this.#reload();
      if (this.over) throw unknownSchedule(this.id);
    }
  }

  #pausedOrNot(state: StoredSchedule, paused: boolean, now: number): StoredSchedule {
    if (paused === state.paused) return { ...state, updatedAt: now };
    if (!paused) return { ...state, paused, cursorAt: cursorFrom(state, now), updatedAt: now };
    // Where no due time can be computed, none is due.
    return this.nextAt === null ? { ...state, paused, updatedAt: now } : pausedFrom(state, this.lookedAt);
  }

  #next(state: StoredSchedule): StoredSchedule {
    return { ...state, version: this.#kept.version + 1 };
  }

  #keep(kept: StoredSchedule): void {
    this.#kept = kept;
    this.#set(kept);
  }

  #set(state: StoredSchedule): void {
    const { cursorAt, paused, settings } = this.#state;
    this.#state = state;
    const samePlan = cursorAt === state.cursorAt && paused === state.paused && settings.plan === state.settings.plan;
    if (!samePlan) this.nextAt = this.#nextAt();
    this.#calls.replanned();
  }

  /** Takes in what is kept of it, where another process has changed that; undefined: it has removed it. */
  see(kept: StoredSchedule | undefined): void {
    if (kept === undefined) {
      this.over = true;
      this.#calls.gone();
      // What was read may be older than what has been kept here meanwhile.
    } else if (kept.version > this.#kept.version || kept.createdAt !== this.#kept.createdAt) this.#keep(kept);
  }

  /** Looks whether another process has changed it. @throws {TaskError} BACKEND when it cannot be read. */
  async refresh(): Promise<void> {
    const all = await this.#parts.store.schedules();
    this.see(all.find(({ id }) => id === this.id));
  }

  /** Somebody else has changed it: what they have kept counts. */
  async #reload(): Promise<void> {
    const all = await this.#parts.store.schedules();
    const kept = all.find(({ id }) => id === this.id);
    if (kept !== undefined) this.#keep(kept);
    else this.see(kept);
  }

  #nextAt(): number | null {
    const { settings, paused, cursorAt } = this.#state;
    if (paused) return null;
    try {
      return nextDue(settings.plan, cursorAt);
    } catch (error) {
      // The file may come from a computer that knows more time zones.
      this.#parts.logger?.error({ scheduleId: this.id, err: error }, 'The due times of a schedule cannot be computed');
      const message = error instanceof Error ? error.message : String(error);
      this.#state = { ...this.#state, lastError: { code: 'INPUT_INVALID', message, at: this.now, dueAt: null } };
      return null;
    }
  }
}

/** There is no schedule of this id. */
export function unknownSchedule(id: string): TaskError {
  return new TaskError('RUN_NOT_FOUND', `There is no schedule ${id}`, { details: { scheduleId: id } });
}
