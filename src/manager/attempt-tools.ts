import type { Clock } from '../ports/clock.js';
import type { Executor } from '../ports/executor.js';
import type { Resources } from '../task/resources.js';
import type { ResolvedTask } from '../task/task.js';
import type { TimerQueue } from '../timing/timer-queue.js';

/** What attempts share. */
export interface AttemptTools {
  readonly clock: Clock;
  /** Time limits and graces of all attempts. */
  readonly timers: TimerQueue;
  /** What executes the handlers of a task. */
  readonly executorOf: (task: ResolvedTask) => Executor;
  readonly random: () => number;
  /** What handlers share. */
  readonly resources: { readonly values: Resources };
}

/** How the platform ended an attempt whose handler is still at work. */
export type ForcedEnd = 'time limit' | 'grace' | 'interrupted';
