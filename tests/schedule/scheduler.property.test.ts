import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { memoryBackend } from '../../src/backends/memory/memory-backend.js';
import { TaskManager } from '../../src/manager/task-manager.js';
import type { Backend } from '../../src/ports/backend.js';
import { CATCH_UPS, OVERLAPS } from '../../src/task/schedule.js';
import { defineTask } from '../../src/task/task.js';
import { FakeClock } from '../fake-clock.js';

const SECOND_MS = 1_000;

type Step =
  | { readonly type: 'pass' | 'jump' | 'restart'; readonly ms: number }
  | { readonly type: 'pause' | 'resume' | 'trigger' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 45 * SECOND_MS }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('jump' as const),
        ms: fc.integer({ min: -300 * SECOND_MS, max: 300 * SECOND_MS }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('restart' as const), ms: fc.integer({ min: 0, max: 90 * SECOND_MS }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constantFrom('pause' as const, 'resume' as const, 'trigger' as const) }),
    },
  ),
  { maxLength: 25 },
);

/** A new process, which has the schedules of the one before and none of its runs: retention has removed them. */
async function restarted(before: Backend): Promise<Backend> {
  const after = memoryBackend();
  for (const schedule of await before.schedules()) {
    await after.saveSchedule({ ...schedule, version: 1 }, null);
  }
  return after;
}

describe('a schedule, whatever clocks and processes do', () => {
  it('has at most one run for each due time, and never two at once', async () => {
    const given = fc.record({
      steps,
      overlap: fc.constantFrom(...OVERLAPS),
      catchUp: fc.constantFrom(...CATCH_UPS),
      everyMs: fc.integer({ min: 1, max: 40 }).map((seconds) => seconds * SECOND_MS),
      workMs: fc.constantFrom(0, 3 * SECOND_MS, 50 * SECOND_MS),
    });
    await fc.assert(
      fc.asyncProperty(given, async ({ steps: all, overlap, catchUp, everyMs, workMs }) => {
        const clock = new FakeClock(Date.parse('2026-11-21T03:00:00.500Z'));
        const begun: string[] = [];
        let [atWork, most] = [0, 0];
        const work = defineTask({
          name: 'work',
          handler: async (_: unknown, { runId, signal }) => {
            begun.push(runId);
            atWork += 1;
            most = Math.max(most, runId.startsWith('s@') ? atWork : 0);
            await new Promise<void>((resolve) => {
              clock.after(workMs, resolve);
              signal.addEventListener('abort', () => resolve());
            });
            atWork -= 1;
          },
        });
        let backend = memoryBackend();
        const open = () => new TaskManager({ tasks: [work], backend, clock });
        let manager = open();
        const close = async (graceMs: number) => {
          const closing = manager.close({ graceMs });
          await clock.run(graceMs + SECOND_MS);
          await closing;
        };
        await manager.schedules.put('s', { task: work, everyMs, overlap, catchUp });
        const act: Record<Step['type'], (ms: number) => Promise<unknown>> = {
          pass: (ms) => clock.run(ms),
          jump: async (ms) => clock.jump(ms),
          restart: async (ms) => {
            await close(0);
            backend = await restarted(backend);
            clock.jump(ms);
            manager = open();
            await manager.open();
          },
          pause: () => manager.schedules.pause('s'),
          resume: () => manager.schedules.resume('s'),
          trigger: () => manager.schedules.trigger('s'),
        };
        for (const step of all) {
          await act[step.type]('ms' in step ? step.ms : 0);
          const schedule = await manager.schedules.get('s');
          expect(schedule?.waiting ?? 0).toBeLessThanOrEqual(100);
        }
        await close(0);
        const due = begun.filter((id) => id.startsWith('s@'));
        expect(new Set(due).size).toBe(due.length);
        // A run that somebody triggers begins at once, whatever is at work.
        if (all.every(({ type }) => type !== 'trigger')) expect(most).toBeLessThanOrEqual(1);
      }),
      { numRuns: 400 },
    );
  }, 60_000);
});
