import { afterEach } from '@jest/globals';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { StreamedEvent } from '../../src/task/run-event.js';
import { FakeClock } from '../fake-clock.js';

const made: { readonly manager: TaskManager; readonly clock: FakeClock }[] = [];

/** A manager on a clock of its own; closed after the test, whatever is left in it. */
export function newManager(options: ManagerOptions = {}): { readonly manager: TaskManager; readonly clock: FakeClock } {
  const clock = new FakeClock();
  const manager = new TaskManager({ clock, random: () => 0.5, ...options });
  made.push({ manager, clock });
  return { manager, clock };
}

afterEach(async () => {
  for (const { manager, clock } of made.splice(0)) await closeNow(manager, clock);
});

/** Closes without grace, and lets the time pass that this takes. */
export async function closeNow(manager: TaskManager, clock: FakeClock, graceMs = 0) {
  const closing = manager.close({ graceMs });
  await clock.run(graceMs + 1_000);
  return closing;
}

/** A promise that a test settles. */
export class Gate<T = unknown> {
  readonly promise: Promise<T>;
  open: (value: T) => void = () => undefined;
  fail: (error: unknown) => void = () => undefined;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
    this.promise.catch(() => undefined);
  }
}

/** Counts the handlers at work, and lets the test end them one by one. */
export class Crowd {
  readonly gates: Gate[] = [];
  atWork = 0;
  most = 0;

  /** Is at work until its gate opens, whatever its signal says. */
  readonly handler = async (): Promise<unknown> => {
    const gate = new Gate();
    this.gates.push(gate);
    this.atWork += 1;
    this.most = Math.max(this.most, this.atWork);
    try {
      return await gate.promise;
    } finally {
      this.atWork -= 1;
    }
  };

  /** Ends those at work and whoever begins meanwhile, until nobody is. */
  async leave(clock: FakeClock): Promise<void> {
    for (let next = this.gates.shift(); next !== undefined; next = this.gates.shift()) {
      next.open(undefined);
      await clock.run(0);
    }
  }
}

/** Rejects with the reason of the signal as soon as that aborts; never settles otherwise. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    // The reason is what the test wants to see.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

/** Never settles. */
export function hang(): Promise<never> {
  return new Promise(() => undefined);
}

/** Reads a stream to its end. */
export async function readAll(stream: AsyncIterable<StreamedEvent>): Promise<StreamedEvent[]> {
  const events: StreamedEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

/** The code of what a promise rejects with, or what it resolved with. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { resolved: await promise };
  } catch (error) {
    return (error as { code?: unknown }).code ?? (error as Error).name;
  }
}
