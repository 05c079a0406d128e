import type { Clock, Timer } from '../ports/clock.js';
import { nextTurn } from '../timing/next-turn.js';
import { checkDelay } from '../timing/system-clock.js';

/** A timer of 0 ms that sets itself again would keep `advance` going for ever. */
const MAX_FIRED = 1_000_000;

interface Entry {
  readonly at: number;
  readonly callback: () => void;
  refed: boolean;
}

/**
 * A clock that moves only when a test says so. Its timers fire in the order of their times, those of one time in the
 * order they were set, and each sees the clock at exactly its own time.
 */
export class ManualClock implements Clock {
  #now: number;
  #monotonic = 0;
  readonly #timers = new Set<Entry>();
  readonly #watchers = new Set<() => void>();

  /** @param now the time of day to begin with, in epoch milliseconds; {@link monotonic} begins with 0. */
  constructor(now = Date.parse('2026-01-01T00:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** A delay of 0 waits for `advance(0)` at least: no timer fires by itself. */
  after(delayMs: number, callback: () => void): Timer {
    checkDelay(delayMs);
    const entry: Entry = { at: this.#monotonic + delayMs, callback, refed: true };
    this.#timers.add(entry);
    for (const watcher of [...this.#watchers]) watcher();
    return {
      cancel: () => void this.#timers.delete(entry),
      unref: () => void (entry.refed = false),
      ref: () => void (entry.refed = true),
    };
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** How many of them would keep a process up. */
  get pendingRefed(): number {
    return [...this.#timers].filter((entry) => entry.refed).length;
  }

  /** How long until the first timer is due, in milliseconds; undefined when none waits. */
  get nextInMs(): number | undefined {
    const first = this.#first();
    return first && first.at - this.#monotonic;
  }

  /**
   * Moves the clock and fires what becomes due, all in this turn; timers that callbacks set are fired too when they are
   * due within the same stretch. Code that awaits between two timers needs {@link run}. What a callback throws comes
   * out of here, with the clock at that timer's time.
   */
  advance(ms: number): void {
    checkDelay(ms);
    const end = this.#monotonic + ms;
    let fired = 0;
    for (let first = this.#first(); first !== undefined && first.at <= end; first = this.#first()) {
      if (++fired > MAX_FIRED) throw new Error(`${MAX_FIRED} timers fired in one advance: does one set itself again?`);
      this.#fire(first);
    }
    this.#moveTo(end);
  }

  /** As {@link advance}, and lets everything that is ready go on before, between and after the timers. */
  async run(ms: number): Promise<void> {
    checkDelay(ms);
    await settle();
    const end = this.#monotonic + ms;
    for (let first = this.#first(); first !== undefined && first.at <= end; first = this.#first()) {
      this.#fire(first);
      await settle();
    }
    this.#moveTo(end);
  }

  /** Sets the time of day forwards or back, as an administrator or NTP would; timers do not notice. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Resolves as soon as at least `count` timers wait: what a test awaits before it advances. */
  async untilPending(count = 1): Promise<void> {
    if (this.pending >= count) return;
    await new Promise<void>((resolve) => {
      const watcher = (): void => {
        if (this.pending < count) return;
        this.#watchers.delete(watcher);
        resolve();
      };
      this.#watchers.add(watcher);
    });
  }

  #first(): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#timers) if (first === undefined || entry.at < first.at) first = entry;
    return first;
  }

  #fire(entry: Entry): void {
    this.#moveTo(entry.at);
    this.#timers.delete(entry);
    entry.callback();
  }

  #moveTo(monotonic: number): void {
    // A callback may have advanced the clock itself: never go back.
    const ms = Math.max(0, monotonic - this.#monotonic);
    this.#monotonic += ms;
    this.#now += ms;
  }
}

/** Lets everything that is ready go on: two turns of the real event loop, with all their microtasks. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => nextTurn(resolve));
}
