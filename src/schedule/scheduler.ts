import type { StoredSchedule } from '../ports/schedules.js';
import type { Accepted } from '../ports/stored-run.js';
import { TaskError } from '../task/errors.js';
import type { Schedule, ScheduleDefinition } from '../task/schedule.js';
import { decodeValue } from '../task/stored-value.js';
import { KeepAlive } from '../timing/keep-alive.js';
import { Turns } from '../timing/turns.js';
import { preview } from './due.js';
import { checkScheduleId } from './due-run.js';
import { clockWasSet } from './due-state.js';
import { DueSteps } from './due-steps.js';
import { DueTimer } from './due-timer.js';
import { PlannedSchedule, unknownSchedule } from './planned-schedule.js';
import { ScheduleNews } from './schedule-news.js';
import type { SchedulerParts } from './scheduler-parts.js';
import { checkDefinition, parseDefinition, type ParsedDefinition } from './settings.js';

/** The most schedules that there may be. */
export const MAX_SCHEDULES = 10_000;

/** A schedule and who does what is due by it. */
interface Entry {
  readonly schedule: PlannedSchedule;
  readonly steps: DueSteps;
}

/** The schedules of a manager: holds all of them, and starts what is due. Its methods are those of `Schedules`. */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #entries = new Map<string, Entry>();
  readonly #turns = new Turns();
  readonly #timer: DueTimer<PlannedSchedule>;
  readonly #keepAlive = new KeepAlive();
  readonly #news: ScheduleNews;
  readonly #awaiting = new Set<PlannedSchedule>();
  #adding = 0;
  #closed = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#timer = new DueTimer(parts.clock, {
      onDue: ({ id }) => this.#wake(id),
      onSetBack: (now) => this.#wakeWhere(({ state }) => clockWasSet(state, now)),
    });
    this.#news = new ScheduleNews(parts, (readAll) => this.#hear(readAll));
  }

  /** Takes up what an earlier process has left, and begins. Called once. */
  begin(stored: readonly StoredSchedule[]): void {
    if (this.#closed) return;
    for (const each of stored) this.#add(each);
    if (this.#parts.shared) this.#news.begin();
    this.#wakeWhere(({ state, now }) => state.waiting.length > 0 || clockWasSet(state, now));
  }

  /** No due time fires from now on. */
  close(): void {
    this.#closed = true;
    this.#news.close();
    this.#timer.close();
    this.#keepAlive.close();
    for (const entry of this.#entries.values()) end(entry);
  }

  get(id: string): Schedule | undefined {
    return this.#entries.get(checkScheduleId(id))?.schedule.snapshot();
  }

  list(): Schedule[] {
    const ids = [...this.#entries.keys()].sort();
    return ids.flatMap((id) => this.#entries.get(id)?.schedule.snapshot() ?? []);
  }

  async put(id: string, definition: ScheduleDefinition): Promise<Schedule> {
    checkScheduleId(id);
    checkDefinition(definition);
    const task = this.#parts.task(definition.task);
    const parsed = parseDefinition(definition, task.name);
    await task.check(decodeValue(parsed.settings.input));
    return this.#turns.take(id, async () => {
      this.#refuseIfClosed();
      const known = this.#entries.get(id) ?? (await this.#create(id, parsed));
      if (known === undefined) return this.#at(id).schedule.snapshot();
      await known.steps.look();
      await known.schedule.replace(parsed.settings, parsed.paused);
      known.steps.reset();
      return known.schedule.snapshot();
    });
  }

  async delete(id: string): Promise<void> {
    await this.#change(id, async (entry) => {
      await this.#parts.store.removeSchedule(id);
      this.#remove(entry);
    });
  }

  pause(id: string): Promise<Schedule> {
    return this.#change(id, async ({ schedule, steps }) => {
      // What was due before the pause is not lost to it.
      await steps.look();
      await schedule.setPaused(true);
      steps.reset();
      return schedule.snapshot();
    });
  }

  resume(id: string): Promise<Schedule> {
    return this.#change(id, async ({ schedule }) => {
      await schedule.setPaused(false);
      this.#wake(id);
      return schedule.snapshot();
    });
  }

  trigger(id: string, key: string | undefined): Promise<Accepted> {
    return this.#change(id, ({ schedule }) => schedule.trigger(key));
  }

  preview(id: string, count: number): number[] {
    const { state, now } = this.#at(checkScheduleId(id)).schedule;
    return preview(state.settings.plan, Math.max(now, clockWasSet(state, now) ? now : state.cursorAt), count);
  }

  /** Takes in what other processes have changed. */
  async #hear(readAll: () => Promise<readonly StoredSchedule[]>): Promise<void> {
    const before = new Map(this.#entries);
    const stored = new Map((await readAll()).map((each) => [each.id, each]));
    for (const [id, entry] of before) {
      if (stored.has(id)) continue;
      await this.#turns.take(id, async () => {
        // One that was removed and made again here is another.
        if (this.#entries.get(id) === entry) await entry.schedule.refresh();
      });
    }
    for (const each of stored.values()) {
      await this.#turns.take(each.id, () => {
        // One that was removed here since it was read is gone.
        if (this.#entries.has(each.id) || !before.has(each.id)) this.#hearOf(each);
        return Promise.resolve();
      });
    }
  }

  #hearOf(stored: StoredSchedule): void {
    if (this.#closed) return;
    const known = this.#entries.get(stored.id);
    if (known === undefined) this.#add(stored);
    else known.schedule.see(stored);
    if (stored.waiting.length > 0) this.#wake(stored.id);
  }

  async #change<T>(id: string, act: (entry: Entry) => Promise<T>): Promise<T> {
    checkScheduleId(id);
    return this.#turns.take(id, async () => {
      this.#refuseIfClosed();
      return act(this.#at(id));
    });
  }

  /** @returns what another process has made in the meantime; undefined where the schedule was made. */
  async #create(id: string, { settings, paused = false }: ParsedDefinition): Promise<Entry | undefined> {
    if (this.#entries.size + this.#adding >= MAX_SCHEDULES)
      throw new TaskError('QUEUE_FULL', `No more than ${MAX_SCHEDULES} schedules can be kept`);
    this.#adding += 1;
    try {
      const now = Math.max(0, Math.floor(this.#parts.clock.now()));
      const times = { createdAt: now, updatedAt: now, cursorAt: now };
      const nothing = { skipped: 0, waiting: [], lastRun: null, lastError: null };
      const schedule: StoredSchedule = { id, version: 1, settings, paused, ...times, ...nothing };
      if (await this.#saveNew(schedule)) return void this.#add(schedule);
      const other = (await this.#parts.store.schedules()).find((each) => each.id === id);
      if (other === undefined) throw new TaskError('BACKEND', 'The schedule was put and removed elsewhere; try again');
      return this.#add(other);
    } finally {
      this.#adding -= 1;
    }
  }

  /** Where nobody knows whether it is kept, it counts if it is there, as it would after a restart. */
  async #saveNew(schedule: StoredSchedule): Promise<boolean> {
    const { store } = this.#parts;
    try {
      return await store.saveSchedule(schedule, null);
    } catch (error) {
      const looking = Promise.resolve().then(() => store.schedules());
      const all = await looking.catch(() => []);
      const kept = all.find(({ id }) => id === schedule.id);
      if (kept !== undefined && !this.#entries.has(kept.id)) this.#add(kept);
      throw error;
    }
  }

  #add(stored: StoredSchedule): Entry {
    const schedule = new PlannedSchedule(stored, this.#parts, {
      replanned: () => this.#replanned(schedule),
      gone: () => this.#remove(entry),
    });
    const entry = { schedule, steps: new DueSteps(schedule, this.#parts, () => this.#wake(stored.id)) };
    this.#entries.set(stored.id, entry);
    if (this.#closed) end(entry);
    this.#replanned(schedule);
    return entry;
  }

  #remove(entry: Entry): void {
    end(entry);
    this.#entries.delete(entry.schedule.id);
    this.#timer.remove(entry.schedule);
    this.#replanned(entry.schedule);
  }

  #replanned(schedule: PlannedSchedule): void {
    if (this.#closed) return;
    if (!schedule.over) this.#timer.set(schedule);
    if (schedule.awaits) this.#awaiting.add(schedule);
    else this.#awaiting.delete(schedule);
    if (this.#awaiting.size > 0) this.#keepAlive.hold();
    else this.#keepAlive.letGo();
  }

  #wakeWhere(concerned: (schedule: PlannedSchedule) => boolean): void {
    for (const { schedule } of this.#entries.values()) if (concerned(schedule)) this.#wake(schedule.id);
  }

  #wake(id: string): void {
    if (this.#closed) return;
    void this.#turns.take(id, async () => this.#entries.get(id)?.steps.look());
  }

  #at(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw unknownSchedule(id);
    return entry;
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new TaskError('MANAGER_CLOSED', 'The manager is closed and changes no schedules');
  }
}

function end({ schedule, steps }: Entry): void {
  schedule.over = true;
  steps.reset();
}
