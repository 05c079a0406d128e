import type { Executor } from '../../ports/executor.js';

/**
 * Calls handlers on the event loop of this process. A handler shares it with everything else: one that computes
 * without ever awaiting can be told to stop, but not be stopped.
 */
export const inlineExecutor: Executor = {
  name: 'inline',
  execute: (task, input, ctx) => task.handler(input, ctx),
};
