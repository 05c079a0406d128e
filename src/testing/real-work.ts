import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { nextTurn } from '../timing/next-turn.js';
import { systemClock } from '../timing/system-clock.js';

/** So many turns of the event loop without any news mean that nothing is ready to go on. */
const CALM_TURNS = 3;
/** How long files, sockets and timers of the computer's are waited for before the test's clock is moved. */
const PATIENCE_MS = 1_000;
/** Where fake timers have stopped the computer's clock, turns are counted. */
const MOST_TURNS = 1_000_000;

/** Whoever runs the test sets timers, too: those of handlers are told apart by {@link HandlerTimers}. */
const TIMERS: readonly string[] = ['Timeout', 'Immediate'];

/** What keeps the process up, but timers: how many of each kind, as Node names them. */
export type Resources = ReadonlyMap<string, number>;

/** What keeps the process up now, but timers. */
export function activeResources(): Resources {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo())
    if (!TIMERS.includes(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** What there is more of than there was, such as `2 × TCPSocketWrap`. */
export function moreThan(before: Resources): string[] {
  const now = [...activeResources()].map(([kind, count]) => ({ kind, more: count - (before.get(kind) ?? 0) }));
  return now.filter(({ more }) => more > 0).map(({ kind, more }) => `${more} × ${kind}`);
}

/** Knows the timers of the computer's that handlers have set, and whoever they called. */
export class HandlerTimers {
  readonly #handlers = new AsyncLocalStorage<HandlerTimers>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  readonly #hook = createHook({
    init: (id, type, _trigger, resource) => {
      if (TIMERS.includes(type) && this.#handlers.getStore() === this) this.#timers.set(id, resource as NodeJS.Timeout);
    },
    destroy: (id) => this.#timers.delete(id),
  }).enable();

  /** Calls a handler. */
  within(act: () => void): void {
    this.#handlers.run(this, act);
  }

  /** How many wait, and keep the process up. */
  get waiting(): number {
    return [...this.#timers.values()].filter((timer) => timer.hasRef()).length;
  }

  close(): void {
    this.#hook.disable();
  }
}

/** What {@link calm} looks at. */
export interface Busy {
  /** Grows with everything that happens. */
  readonly steps: () => number;
  /** Whether somebody waits for something real: a file, a socket, a timer of the computer's. */
  readonly isWaiting: () => boolean;
}

/** Resolves when nothing is ready to go on any more; what waits for something real is given a second for each step. */
export async function calm({ steps, isWaiting }: Busy): Promise<void> {
  let [seen, still, since] = [steps(), 0, systemClock.monotonic()];
  for (let turn = 0; still < CALM_TURNS && turn < MOST_TURNS; turn += 1) {
    await new Promise<void>((resolve) => nextTurn(resolve));
    if (steps() !== seen) [seen, still, since] = [steps(), 0, systemClock.monotonic()];
    else if (!isWaiting() || systemClock.monotonic() - since > PATIENCE_MS) still += 1;
    else still = 0;
  }
}
