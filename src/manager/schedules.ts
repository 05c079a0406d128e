import { checkIdempotencyKey, checkOptions } from '../task/checks.js';
import type { Schedule, ScheduleDefinition } from '../task/schedule.js';
import type { ManagerCore } from './manager-core.js';
import { RunHandle } from './run-handle.js';

/** What `trigger` takes beside the schedule's id. */
export interface TriggerOptions {
  /**
   * 1 to 255 visible ASCII characters. A second trigger of the schedule with the same key gives the run that the first one has
   * started, whatever has become of it, as long as that is kept (`retention`).
   */
  readonly idempotencyKey?: string;
}

/**
 * The schedules of a manager: they start runs of tasks at set times. They are kept where runs are. One run is started
 * for each due time, with an id made of the schedule's and that time, also where the process is killed at that moment.
 *
 * Every method rejects with a `RangeError` when the id is malformed or longer than 100 characters, and all but `get`,
 * `list` and `put` with a {@link TaskError} RUN_NOT_FOUND when there is no such schedule. Those that change something reject with MANAGER_CLOSED from
 * the call of `close` on, and with BACKEND when the change cannot be kept: then nothing has changed, or, where what it is
 * written on does not confirm it, nobody knows.
 */
export class Schedules {
  readonly #core: () => ManagerCore;

  /** Made by a manager. */
  constructor(core: () => ManagerCore) {
    this.#core = core;
  }

  /**
   * Makes a schedule, or puts other settings in the place of one: its plan begins again now, and what it counts and its
   * last run stay. Settings that are the same leave the plan as it is: an application may put its schedules whenever
   * it starts.
   *
   * @throws {TypeError|RangeError} when a member is unknown, of the wrong type or out of range, or no due time ever comes.
   * @throws {TaskError} TASK_UNKNOWN; INPUT_INVALID when the task refuses the input, or it cannot be stored; QUEUE_FULL
   * when there are 10,000 schedules.
   */
  async put(id: string, definition: ScheduleDefinition): Promise<Schedule> {
    this.#core().refuseIfClosing();
    return (await this.#open()).put(id, definition);
  }

  /** The schedule as it is now; undefined where there is none. */
  async get(id: string): Promise<Schedule | undefined> {
    return (await this.#open()).get(id);
  }

  /** All of them, in the order of their ids. */
  async list(): Promise<readonly Schedule[]> {
    return (await this.#open()).list();
  }

  /** Removes a schedule. Its runs stay. */
  async delete(id: string): Promise<void> {
    this.#core().refuseIfClosing();
    await (await this.#open()).delete(id);
  }

  /** Nothing is started until it is resumed, but by {@link trigger}; due times in between are not made up for. */
  async pause(id: string): Promise<Schedule> {
    this.#core().refuseIfClosing();
    return (await this.#open()).pause(id);
  }

  /** The plan goes on from now. */
  async resume(id: string): Promise<Schedule> {
    this.#core().refuseIfClosing();
    return (await this.#open()).resume(id);
  }

  /**
   * Starts a run now, whatever is at work, with an id of its own. It is the schedule's last run then; its plan stays as
   * it is.
   *
   * @throws {TypeError|RangeError} when an option is unknown or malformed. @throws {TaskError} as `start`.
   */
  async trigger(id: string, options: TriggerOptions = {}): Promise<RunHandle<unknown>> {
    checkOptions("a trigger's options", options, ['idempotencyKey']);
    const { idempotencyKey } = options;
    const key = idempotencyKey === undefined ? undefined : checkIdempotencyKey(idempotencyKey);
    const core = this.#core();
    core.refuseIfClosing();
    const accepted = await (await this.#open()).trigger(id, key);
    return new RunHandle(core, accepted.run.id, accepted);
  }

  /**
   * The next due times, ascending, in epoch milliseconds; those of a paused schedule as if it were resumed now.
   *
   * @param count how many, 1 to 100.
   * @throws {RangeError} when `count` is out of range, or the time zone is not known on this computer.
   */
  async preview(id: string, count: number): Promise<number[]> {
    return (await this.#open()).preview(id, count);
  }

  async #open() {
    const core = this.#core();
    await core.open();
    return core.scheduling.load();
  }
}
