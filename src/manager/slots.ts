import type { Clock, Timer } from '../ports/clock.js';
import type { RateLimit, ResolvedTask, TaskLimits } from '../task/task.js';
import { nextTurn } from '../timing/next-turn.js';
import { unlessAborted } from '../timing/on-abort.js';
import { RateWindow } from './rate-window.js';

/** How many imports are read at once: each holds a file open. */
const MAX_IMPORTS = 100;

/** Whose limits count: a task's; ad-hoc functions (null) have none of their own. */
export type SlotOwner = ResolvedTask | null;

/** Where handlers execute that are no handlers of the event loop: only so many at once. */
export interface Places {
  readonly count: number;
  taken: number;
}

/** What bounds handlers. */
export interface SlotLimits {
  /** Of all of them together. */
  readonly concurrency: number;
  /** Of those that share an executor; undefined where that takes any number. */
  readonly placesOf?: (task: ResolvedTask) => Places | undefined;
}

/** The slots of one task. */
interface TaskSlots {
  readonly concurrency: number;
  readonly places: Places | undefined;
  readonly rate: RateWindow | undefined;
  atWork: number;
  /** Whether an item goes first where items and runs wait: a run has got the last slot of the task. */
  itemsTurn: boolean;
  /** The backend's runs have this turn of the event loop to take what became free. */
  offered: boolean;
}

/** Somebody who waits for a slot outside the backend's order: an item of an import. */
interface Waiter {
  readonly task: SlotOwner;
  readonly slots: TaskSlots;
  readonly grant: () => void;
}

/**
 * The rights to be at work: the manager's, and those of each task. Whoever takes one gives it back when the handler
 * has settled, and not before: an abandoned handler keeps its slot, so a limit stays a limit.
 */
export class Slots {
  readonly #limits: SlotLimits;
  readonly #clock: Clock;
  readonly #wake: () => void;
  readonly #tasks = new Map<SlotOwner, TaskSlots>();
  /** Whose slots were looked at last: mostly they are looked at again. */
  #last: { readonly task: SlotOwner; readonly slots: TaskSlots } | undefined;
  readonly #waiters: Waiter[] = [];
  /** Those who have lent a slot and want it again: they go before everybody else. */
  readonly #returning: Waiter[] = [];
  #atWork = 0;
  #imports = 0;
  #rateTimer: Timer | undefined;
  #rateWakeAt = Infinity;

  /** @param wake is called when a slot may have become free for the backend. */
  constructor(limits: SlotLimits, clock: Clock, wake: () => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#wake = wake;
  }

  /** Handlers at work, abandoned ones included. */
  get atWork(): number {
    return this.#atWork;
  }

  /** How many more handlers of this task may begin now. */
  free(task: SlotOwner): number {
    const slots = this.#of(task);
    const free = this.#freeOf(slots);
    if (free <= 0 || slots.rate === undefined) return free;
    const now = this.#clock.monotonic();
    const waitMs = slots.rate.waitMs(now);
    if (waitMs === 0) return slots.rate.free(now, free);
    this.#wakeAt(now + waitMs, waitMs);
    return 0;
  }

  /** Takes a slot for a run. */
  take(task: SlotOwner): void {
    this.#take(this.#of(task), true);
  }

  /** The handler has settled. */
  give(task: SlotOwner): void {
    const slots = this.#of(task);
    this.#count(slots, -1);
    if (this.#returning.length > 0 && this.#handBack()) return;
    if (this.#waiters.length > 0) this.#handOut(slots);
    this.#wake();
  }

  /**
   * Takes a slot again that was given while a handler waited: as soon as there is one, before anybody who has not begun,
   * and whatever the rate.
   *
   * @param grant called once, perhaps in this call, when the slot is taken
   * @returns gives the wait up.
   */
  takeBack(task: SlotOwner, grant: () => void): () => void {
    const waiter: Waiter = { task, slots: this.#of(task), grant };
    this.#returning.push(waiter);
    this.#handBack();
    return () => {
      const at = this.#returning.indexOf(waiter);
      if (at >= 0) this.#returning.splice(at, 1);
    };
  }

  /** How many more imports may begin now: they hold no slot, their items do. */
  get freeForImports(): number {
    return MAX_IMPORTS - this.#imports;
  }

  takeImport(): void {
    this.#imports += 1;
  }

  /** The import reads its file no more. */
  giveImport(): void {
    this.#imports -= 1;
    this.#wake();
  }

  /** Waits for a slot and takes it. Rejects with the signal's reason when that aborts first. */
  async acquire(task: SlotOwner, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiters.length === 0 && this.free(task) > 0) {
      this.#take(this.#of(task), false);
      return;
    }
    await this.#wait(task, signal);
  }

  close(): void {
    this.#rateTimer?.cancel();
    this.#rateTimer = undefined;
  }

  #wait(task: SlotOwner, signal: AbortSignal): Promise<void> {
    return unlessAborted(signal, (grant) => {
      const waiter: Waiter = { task, slots: this.#of(task), grant };
      this.#waiters.push(waiter);
      return () => void this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    });
  }

  #take(slots: TaskSlots, byRun: boolean): void {
    this.#count(slots, 1);
    slots.itemsTurn = byRun;
    slots.rate?.note(this.#clock.monotonic());
  }

  #count(slots: TaskSlots, more: 1 | -1): void {
    slots.atWork += more;
    if (slots.places !== undefined) slots.places.taken += more;
    this.#atWork += more;
  }

  /** Without a look at the rate. */
  #freeOf({ concurrency, atWork, places }: TaskSlots): number {
    const free = Math.min(this.#limits.concurrency - this.#atWork, concurrency - atWork);
    return places === undefined ? free : Math.min(free, places.count - places.taken);
  }

  /** What one handler gives, one other can take: none but the first who fits could have begun since. */
  #handBack(): boolean {
    const at = this.#returning.findIndex(({ slots }) => this.#freeOf(slots) > 0);
    const waiter = this.#returning[at];
    if (waiter === undefined) return false;
    this.#returning.splice(at, 1);
    this.#count(waiter.slots, 1);
    waiter.grant();
    return true;
  }

  /**
   * A freed slot goes to an item or to a run of the backend, in turn for each task, so that neither starves the other.
   * The turn passes on only with a slot that was taken: one that could not be used leaves it where it was.
   */
  #handOut(freed: TaskSlots): void {
    if (freed.itemsTurn) this.#grantFirst(({ slots }) => !slots.offered);
    else this.#offer(freed);
  }

  /** A rate lets somebody begin again: one item of each task whose turn it is, then runs, then whoever is left. */
  #handOutAll(): void {
    while (this.#grantFirst(({ slots }) => slots.itemsTurn));
    for (const { slots } of this.#waiters) this.#offer(slots);
  }

  /** The items of the task stand back until the backend has looked. */
  #offer(slots: TaskSlots): void {
    if (slots.offered) return;
    slots.offered = true;
    nextTurn(() => {
      slots.offered = false;
      // What the backend had no run for.
      while (this.#grantFirst((waiter) => !waiter.slots.offered));
    });
  }

  #grantFirst(mayGo: (waiter: Waiter) => boolean): boolean {
    const at = this.#waiters.findIndex((waiter) => mayGo(waiter) && this.free(waiter.task) > 0);
    const waiter = this.#waiters[at];
    if (waiter === undefined) return false;
    this.#waiters.splice(at, 1);
    this.#take(waiter.slots, false);
    waiter.grant();
    return true;
  }

  #wakeAt(at: number, waitMs: number): void {
    if (at >= this.#rateWakeAt) return;
    this.#rateTimer?.cancel();
    this.#rateWakeAt = at;
    this.#rateTimer = this.#clock.after(Math.ceil(waitMs), () => {
      this.#rateTimer = undefined;
      this.#rateWakeAt = Infinity;
      this.#handOutAll();
      this.#wake();
    });
    // The run that waits keeps the process up; where it was cancelled, nothing is left to wait for.
    this.#rateTimer.unref();
  }

  #of(task: SlotOwner): TaskSlots {
    if (this.#last?.task === task) return this.#last.slots;
    let slots = this.#tasks.get(task);
    if (slots === undefined) {
      const { concurrency = Infinity, rate }: TaskLimits = task?.limits ?? {};
      const places = task === null ? undefined : this.#limits.placesOf?.(task);
      slots = { concurrency, places, rate: rate && newWindow(rate), atWork: 0, itemsTurn: true, offered: false };
      this.#tasks.set(task, slots);
    }
    this.#last = { task, slots };
    return slots;
  }
}

function newWindow({ count, perMs }: RateLimit): RateWindow {
  return new RateWindow(count, perMs);
}
