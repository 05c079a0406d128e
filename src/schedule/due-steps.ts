import type { Timer } from '../ports/clock.js';
import type { StoredRun } from '../ports/stored-run.js';
import { codeOf, type ErrorCode } from '../task/errors.js';
import { isFinal } from '../task/status.js';
import { dueRunId, jitterOf } from './due-run.js';
import { clockWasSet, noticeDue, takeIn } from './due-state.js';
import type { PlannedSchedule } from './planned-schedule.js';
import type { SchedulerParts } from './scheduler-parts.js';

/** Between two tries to start a run that was refused, in milliseconds: from the first, doubling, to the second. */
const RETRY_MS = { first: 1_000, longest: 60_000 };
/** So often a task that is unknown here is left to other processes before that is told: some seconds. */
const PATIENCE = 3;
/** What may be otherwise a little later. */
const PASSING: readonly (ErrorCode | undefined)[] = ['QUEUE_FULL', 'RATE_LIMITED', 'BACKEND'];

/** Does what is due by one schedule. Whoever calls sees to it that one call ends before the next begins. */
export class DueSteps {
  readonly #schedule: PlannedSchedule;
  readonly #parts: SchedulerParts;
  readonly #wake: () => void;
  /** The run whose end is waited for, by its ordinal. */
  #watched: number | undefined;
  #timer: Timer | undefined;
  #tries = 0;
  /** What is due was left to the other processes: they may have started it. */
  #left = false;

  /** @param wake asks for another {@link look}. */
  constructor(schedule: PlannedSchedule, parts: SchedulerParts, wake: () => void) {
    this.#schedule = schedule;
    this.#parts = parts;
    this.#wake = wake;
  }

  /** Starts, queues or skips what has become due since the last look. Never rejects. */
  async look(): Promise<void> {
    try {
      while (await this.#step());
    } catch (error) {
      if (this.#schedule.over || codeOf(error) === 'MANAGER_CLOSED') return;
      this.#parts.logger?.error({ scheduleId: this.#schedule.id, err: error }, 'A schedule cannot go on; trying again');
      this.#tryLater();
    }
  }

  /** Forgets what went wrong before: the schedule was changed, or is over. */
  reset(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tries = 0;
  }

  /** @returns whether there may be more to do. */
  async #step(): Promise<boolean> {
    const schedule = this.#schedule;
    if (schedule.over || schedule.state.paused) return false;
    const { now } = schedule;
    schedule.lookedAt = now;
    if (clockWasSet(schedule.state, now)) this.#goOnFrom(now);
    const isDue = schedule.nextAt !== null && schedule.nextAt <= now;
    if (!isDue && schedule.state.waiting.length === 0) return this.#rest();
    const last = await this.#activeRun();
    if (isDue) schedule.change(takeIn(schedule.state, noticeDue(schedule.state, now), last !== undefined));
    const [dueAt] = schedule.state.waiting;
    if (dueAt === undefined) return this.#rest();
    // Kept before anything else, for what comes next may take long, or end with the process.
    const waits = last !== undefined || this.#timer !== undefined;
    // What another process has changed may be that it has started just this.
    if (waits && !(await schedule.save())) return true;
    if (last !== undefined) return this.#awaitEnd(last);
    return this.#timer === undefined && this.#start(dueAt);
  }

  async #rest(): Promise<false> {
    await this.#schedule.save();
    this.reset();
    return false;
  }

  #goOnFrom(now: number): void {
    const { id, state } = this.#schedule;
    const fields = { scheduleId: id, now, lastDueAt: state.cursorAt };
    this.#parts.logger?.warn(
      fields,
      'The time of day is a day before the last due time of a schedule; it goes on from now',
    );
    this.#schedule.change({ cursorAt: now });
  }

  /** The schedule's last run, unless that has ended. */
  async #activeRun(): Promise<StoredRun | undefined> {
    const { lastRun } = this.#schedule.state;
    const run = lastRun === null ? undefined : await this.#parts.find(lastRun.id);
    return run === undefined || isFinal(run.status) ? undefined : run;
  }

  async #awaitEnd(run: StoredRun): Promise<boolean> {
    if (this.#schedule.over) return false;
    if (this.#schedule.state.settings.overlap === 'cancel-previous') {
      const asked = await this.#parts.cancel(run);
      if (asked === undefined || isFinal(asked.status)) return true;
    }
    const { ordinal } = run;
    if (this.#watched === ordinal) return false;
    this.#watched = ordinal;
    this.#parts.whenEnded(run, () => {
      if (this.#watched === ordinal) this.#watched = undefined;
      this.#wake();
    });
    return false;
  }

  async #start(dueAt: number): Promise<boolean> {
    const schedule = this.#schedule;
    if (schedule.over) return false;
    if (this.#left) return this.#lookAtOthers();
    const { settings, waiting } = schedule.state;
    const run = { id: dueRunId(schedule.id, dueAt), delayMs: jitterOf(schedule.id, dueAt, settings.jitterMs) };
    const lastRun = { id: run.id, at: schedule.now, dueAt };
    try {
      await schedule.start(run, { waiting: waiting.slice(1), lastRun, lastError: null });
    } catch (error) {
      return this.#refused(error, dueAt);
    }
    this.reset();
    return true;
  }

  async #lookAtOthers(): Promise<true> {
    await this.#schedule.refresh();
    this.#left = false;
    return true;
  }

  /** A start was refused: it is tried again where that may help, and otherwise given up. */
  async #refused(error: unknown, dueAt: number): Promise<boolean> {
    const schedule = this.#schedule;
    const code = codeOf(error);
    if (code === 'MANAGER_CLOSED') return false;
    const isForOthers = code === 'TASK_UNKNOWN' && this.#parts.shared;
    if (isForOthers && this.#tries < PATIENCE) return this.#leaveToOthers();
    const message = code !== undefined && error instanceof Error ? error.message : 'The run could not be started';
    const lastError = { code: code ?? 'HANDLER_FAILED', message, at: schedule.now, dueAt } as const;
    const passing = isForOthers || PASSING.includes(code);
    this.#parts.logger?.[passing ? 'warn' : 'error'](
      { scheduleId: schedule.id, dueAt, err: error },
      passing ? 'A due run was refused; trying again' : 'A due run could not be started',
    );
    if (passing) {
      this.#left = isForOthers;
      if (!isForOthers || schedule.state.lastError?.dueAt !== dueAt) schedule.change({ lastError });
      this.#tryLater();
    } else schedule.change({ lastError, waiting: schedule.state.waiting.slice(1) });
    // Where nothing can be kept, nor can this: it is kept with what comes next.
    if (code !== 'BACKEND') await schedule.save();
    return !passing;
  }

  /** Another process may know the task. */
  #leaveToOthers(): false {
    this.#left = true;
    this.#tryLater();
    return false;
  }

  #tryLater(): void {
    if (this.#timer !== undefined) return;
    const delayMs = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** this.#tries);
    this.#tries += 1;
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#wake();
    });
    this.#timer.unref();
  }
}
