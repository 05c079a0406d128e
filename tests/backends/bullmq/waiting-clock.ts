import type { Timer } from '../../../src/ports/clock.js';
import type { DrivenClock } from '../../../src/testing/contract/stage.js';
import { sleep } from '../../../src/timing/sleep.js';
import { systemClock } from '../../../src/timing/system-clock.js';

/**
 * A clock for what is at work in real time, such as a server: `run` really waits. Between its steps the time of day
 * stands still, so that a test can say when something happened; timers go on.
 */
export class WaitingClock implements DrivenClock {
  #now = systemClock.now();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(delayMs: number, callback: () => void): Timer {
    return systemClock.after(delayMs, callback);
  }

  async run(ms: number): Promise<void> {
    await sleep(ms);
    this.#now += ms;
  }
}
