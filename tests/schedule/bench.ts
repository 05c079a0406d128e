import { afterEach } from '@jest/globals';
import type { ManagerOptions } from '../../src/manager/manager-options.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import { defineTask, type Task } from '../../src/task/task.js';
import { FakeClock } from '../fake-clock.js';
import { closeNow, Crowd } from '../manager/workbench.js';

const made: Pick<ScheduleBench, 'manager' | 'clock' | 'crowd'>[] = [];

afterEach(async () => {
  for (const { manager, clock, crowd } of made.splice(0)) {
    await crowd.leave(clock);
    await closeNow(manager, clock);
  }
});

/** A manager on a clock that begins at an instant, with a task that notes when its runs begin. */
export interface ScheduleBench {
  readonly manager: TaskManager;
  readonly clock: FakeClock;
  /** Ends at once. */
  readonly note: Task<unknown, void>;
  /** The ids of the runs of `note`, in the order in which they began. */
  readonly begun: string[];
  /** When they began, as ISO 8601 to the second. */
  readonly times: string[];
  /** What they were given. */
  readonly inputs: unknown[];
  /** A task whose runs end when the test says so. */
  readonly crowd: Crowd;
  readonly slow: Task<unknown, unknown>;
}

export function scheduleBench(start: string, options: ManagerOptions = {}): ScheduleBench {
  const clock = new FakeClock(Date.parse(start));
  const begun: string[] = [];
  const times: string[] = [];
  const inputs: unknown[] = [];
  const crowd = new Crowd();
  const note = defineTask({
    name: 'note',
    handler: (input: unknown, { runId }) => {
      begun.push(runId);
      times.push(isoOf(clock.now()));
      inputs.push(input);
    },
  });
  const slow = defineTask({ name: 'slow', handler: crowd.handler });
  const manager = new TaskManager({ tasks: [note, slow], ...options, clock });
  made.push({ manager, clock, crowd });
  return { manager, clock, note, begun, times, inputs, crowd, slow };
}

/** `2026-11-21T02:45:00Z`. */
export function isoOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
