import { z } from 'zod';
import { defineTask, sleep } from 'errand';

const input = z.strictObject({
  /** How many steps it takes: 1 to 10,000. */
  steps: z.int().min(1).max(10_000).default(20),
  /** How long each of them takes, in milliseconds: 0 to 60,000. */
  stepMs: z.number().min(0).max(60_000).default(500),
});

/**
 * Takes its time, so that it can be watched and cancelled: by default 20 steps of half a second, with progress after
 * each. Stops at once when its signal aborts, because every wait is given the signal.
 */
export const slowReport = defineTask({
  name: 'slow-report',
  input: input.prefault({}),
  handler: async ({ steps, stepMs }, ctx) => {
    ctx.progress(0, steps);
    for (let step = 1; step <= steps; step += 1) {
      await sleep(stepMs, { signal: ctx.signal });
      ctx.progress(step, steps);
    }
    return { steps };
  },
});
