import type { Timer } from '../ports/clock.js';
import type { StoredSchedule } from '../ports/schedules.js';
import type { SchedulerParts } from './scheduler-parts.js';

/** How long a change that another process has made is not known here at most, in milliseconds. */
const READ_MS = 5_000;

/** Reads, again and again, the schedules that several processes share. It never keeps the process up. */
export class ScheduleNews {
  readonly #parts: Pick<SchedulerParts, 'clock' | 'logger' | 'store'>;
  readonly #read: (readAll: () => Promise<readonly StoredSchedule[]>) => Promise<void>;
  #timer: Timer | undefined;
  #closed = false;
  #failing = false;

  /** @param read is given a way to read all schedules, and takes in what that gives. */
  constructor(
    parts: Pick<SchedulerParts, 'clock' | 'logger' | 'store'>,
    read: (readAll: () => Promise<readonly StoredSchedule[]>) => Promise<void>,
  ) {
    this.#parts = parts;
    this.#read = read;
  }

  /** Begins: it reads a while later for the first time. */
  begin(): void {
    if (this.#closed) return;
    this.#timer = this.#parts.clock.after(READ_MS, () => void this.#look());
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    try {
      await this.#read(async () => this.#parts.store.schedules());
      this.#failing = false;
    } catch (error) {
      if (!this.#failing && !this.#closed)
        this.#parts.logger?.warn({ err: error }, 'The schedules cannot be read; trying again');
      this.#failing = true;
    }
    this.begin();
  }
}
