import { resolveTask, type AnyTask, type Task } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { checkParts } from './check-parts.js';
import { rawSchema } from './raw-schema.js';
import { workflowTask } from './workflow-task.js';

/**
 * One task after the other: each gets the result of the one before as its input. It is a task like any other, started,
 * watched, cancelled, retried and scheduled under one id; its parts are child runs of it, and its progress counts them.
 *
 * A part that fails, or that somebody cancels, fails the chain with `CHILD_FAILED`, and none of those behind it begins. On a
 * durable backend a chain whose process dies goes on, in another one, at the part it had come to. Up to eight parts; a chain
 * of more has chains as parts.
 *
 * @throws {TypeError} when there is no part, or one was not made by `defineTask`.
 */
export function chain<I, R>(...tasks: [Task<I, R>]): Task<I, R>;
export function chain<I, A, R>(...tasks: [Task<I, A>, Task<A, R>]): Task<I, R>;
export function chain<I, A, B, R>(...tasks: [Task<I, A>, Task<A, B>, Task<B, R>]): Task<I, R>;
export function chain<I, A, B, C, R>(...tasks: [Task<I, A>, Task<A, B>, Task<B, C>, Task<C, R>]): Task<I, R>;
export function chain<I, A, B, C, D, R>(
  ...tasks: [Task<I, A>, Task<A, B>, Task<B, C>, Task<C, D>, Task<D, R>]
): Task<I, R>;
export function chain<I, A, B, C, D, E, R>(
  ...tasks: [Task<I, A>, Task<A, B>, Task<B, C>, Task<C, D>, Task<D, E>, Task<E, R>]
): Task<I, R>;
export function chain<I, A, B, C, D, E, F, R>(
  ...tasks: [Task<I, A>, Task<A, B>, Task<B, C>, Task<C, D>, Task<D, E>, Task<E, F>, Task<F, R>]
): Task<I, R>;
export function chain<I, A, B, C, D, E, F, G, R>(
  ...tasks: [Task<I, A>, Task<A, B>, Task<B, C>, Task<C, D>, Task<D, E>, Task<E, F>, Task<F, G>, Task<G, R>]
): Task<I, R>;
export function chain(...parts: AnyTask[]): Task<never, unknown> {
  return inOrder('chain', parts);
}

/**
 * A group (or any other task), and then a task that gets its result, the group's results in their order, as input.
 * Otherwise as {@link chain}.
 *
 * @throws {TypeError} when one of both was not made by `defineTask`.
 */
export function chord<I, A, R>(group: Task<I, A>, callback: Task<A, R>): Task<I, R>;
export function chord(...parts: AnyTask[]): Task<never, unknown> {
  return inOrder('chord', parts);
}

function inOrder(kind: string, parts: readonly AnyTask[]): Task<never, unknown> {
  const [first, ...others] = checkParts(kind, parts);
  const tasks = [first, ...others];
  return workflowTask({
    kind,
    parts: tasks,
    children: 'fail-fast',
    input: rawSchema([resolveTask(first).input]),
    handler: (input, ctx) => runInOrder(tasks, input, ctx),
  });
}

async function runInOrder(tasks: readonly AnyTask[], input: unknown, ctx: TaskContext): Promise<unknown> {
  let value = input;
  ctx.progress(0, tasks.length);
  for (const [index, task] of tasks.entries()) {
    const child = await ctx.start(task, value, { key: String(index) });
    value = await child.result();
    ctx.progress(index + 1, tasks.length);
  }
  return value;
}
