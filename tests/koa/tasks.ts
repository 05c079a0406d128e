import { z } from 'zod';
import { defineTask, type AnyTask } from '../../src/task/task.js';

/** Something that a test waits for, or lets happen. */
export interface Gate<T = void> {
  readonly passed: Promise<T>;
  open(value: T): void;
}

export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => undefined;
  const passed = new Promise<T>((resolve) => (open = resolve));
  return { passed, open: (value) => open(value) };
}

/** Resolves once `condition` holds: looked at on every turn of the event loop, for 20 seconds at most. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Returns its input. */
export const echo = defineTask({ name: 'echo', handler: (input) => input });

/** Takes `{ size }`, strictly. */
export const strict = defineTask({
  name: 'strict',
  input: z.strictObject({ size: z.number() }),
  handler: ({ size }) => size,
});

/** Throws an error that was not written for callers. */
export const broken = defineTask({
  name: 'broken',
  handler: () => {
    throw new Error('password is hunter2');
  },
});

/** Works until its signal aborts. */
export const endless = defineTask({
  name: 'endless',
  handler: (_input, ctx) =>
    new Promise<never>((_resolve, reject) => {
      // The reason is an error: who cancelled, and why.
      ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error), { once: true });
    }),
});

export const TASKS: readonly AnyTask[] = [echo, strict, broken, endless];
