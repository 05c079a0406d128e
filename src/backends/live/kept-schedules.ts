import type { StoredSchedule } from '../../ports/schedules.js';

/** The schedules of a backend in one process, each in the version that is kept. */
export class KeptSchedules {
  readonly #kept = new Map<string, StoredSchedule>();

  /** As they are now: what changes later does not change this list. */
  get all(): readonly StoredSchedule[] {
    return [...this.#kept.values()];
  }

  get(id: string): StoredSchedule | undefined {
    return this.#kept.get(id);
  }

  /** Whether this version is kept; null: whether none is. */
  isAt(id: string, version: number | null): boolean {
    return (this.#kept.get(id)?.version ?? null) === version;
  }

  put(schedule: StoredSchedule): void {
    this.#kept.set(schedule.id, schedule);
  }

  /** @returns whether there was one. */
  remove(id: string): boolean {
    return this.#kept.delete(id);
  }
}
