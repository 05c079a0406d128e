import { checkOptions, show } from '../task/checks.js';
import type { ChildHandle } from '../task/child-handle.js';
import { type ChildPolicy, checkChildPolicy } from '../task/child-policy.js';
import { TaskError } from '../task/errors.js';
import type { Run } from '../task/run.js';
import { resolveTask, type AnyTask, type Task } from '../task/task.js';
import type { TaskContext } from '../task/task-context.js';
import { checkParts } from './check-parts.js';
import { rawListSchema, rawSchema } from './raw-schema.js';
import { workflowTask } from './workflow-task.js';

/** What {@link each} may be given at most, for each of them is a run of its own. */
const MAX_ITEMS = 10_000;
/** How many failed runs the error of a group names. */
const MAX_NAMED = 20;
/** How many starts are under way at once. */
const SLICE = 256;

/** What becomes of a group's other parts when one has failed. */
export interface GroupOptions {
  /**
   * `'fail-fast'` (default): the others are cancelled, and the group fails at once. `'collect'`: they go on to their ends,
   * and then the group fails with the counts (`details`: `total`, `succeeded`, `failed`, `cancelled`, `runs`).
   */
  readonly children?: ChildPolicy;
}

/** An input that all of these tasks take. */
export type GroupInput<Tasks extends readonly AnyTask[]> = {
  [At in keyof Tasks]: Tasks[At] extends Task<infer Input, unknown> ? (input: Input) => void : never;
}[number] extends (input: infer Input) => void
  ? Input
  : never;

/** The results of these tasks, in their order. */
export type GroupResults<Tasks extends readonly AnyTask[]> = {
  -readonly [At in keyof Tasks]: Tasks[At] extends Task<never, infer Result> ? Result : never;
};

/**
 * Several tasks at once, each with the group's input; its result is theirs, in the order of the tasks. It is a task like
 * any other; its parts are child runs of it, and its progress counts those that have ended.
 *
 * A part that fails, or that somebody cancels, fails the group with `CHILD_FAILED`; see {@link GroupOptions}.
 *
 * @throws {TypeError} when there is no part, one was not made by `defineTask`, or an option is unknown.
 */
export function group<const Tasks extends readonly AnyTask[]>(
  tasks: Tasks,
  options: GroupOptions = {},
): Task<GroupInput<Tasks>, GroupResults<Tasks>> {
  if (!Array.isArray(tasks)) throw new TypeError(`group takes an array of tasks; got ${show(tasks)}`);
  const policy = policyOf('group', options);
  const parts = checkParts('group', tasks);
  const task = workflowTask({
    kind: kindOf('group', policy),
    children: policy,
    parts,
    input: rawSchema(parts.map((part) => resolveTask(part).input)),
    handler: (input, ctx) =>
      runAll(
        parts.map((part) => ({ part, input })),
        policy,
        ctx,
      ),
  });
  return task as Task<GroupInput<Tasks>, GroupResults<Tasks>>;
}

/**
 * One task for each item of a list, all at once: its input is a list of at most 10,000 inputs, its result the list of
 * results. How many are at work at the same time is for the task's own `limits.concurrency` to say. Otherwise as
 * {@link group}.
 *
 * @throws {TypeError} when the task was not made by `defineTask`, or an option is unknown.
 */
export function each<Input, Result>(
  task: Task<Input, Result>,
  options: GroupOptions = {},
): Task<readonly Input[], Result[]> {
  const policy = policyOf('each', options);
  const [part] = checkParts('each', [task]);
  const listed = workflowTask({
    kind: kindOf('each', policy),
    children: policy,
    parts: [part],
    input: rawListSchema(resolveTask(part).input, MAX_ITEMS),
    handler: (input, ctx) =>
      runAll(
        (input as readonly unknown[]).map((item) => ({ part, input: item })),
        policy,
        ctx,
      ),
  });
  return listed as Task<readonly Input[], Result[]>;
}

/** A part, and what it is to be started with. */
interface Part {
  readonly part: AnyTask;
  readonly input: unknown;
}

async function runAll(parts: readonly Part[], policy: ChildPolicy, ctx: TaskContext): Promise<readonly unknown[]> {
  const total = parts.length;
  let ended = 0;
  const count = <T>(value: T): T => {
    ended += 1;
    ctx.progress(ended, total);
    return value;
  };
  ctx.progress(0, total);
  const children = await startAll(parts, ctx);
  if (policy === 'fail-fast') return Promise.all(children.map(async (child) => count(await child.result())));
  const runs = await Promise.all(children.map(async (child) => count(await child.settled())));
  refuseIncomplete(runs);
  return runs.map(({ result }) => result);
}

/** In slices, so that a backend can keep many in one step and none has thousands under way. */
async function startAll(parts: readonly Part[], ctx: TaskContext): Promise<readonly ChildHandle<unknown>[]> {
  const children: ChildHandle<unknown>[] = [];
  for (let first = 0; first < parts.length; first += SLICE) {
    const starts = parts.slice(first, first + SLICE).map(({ part, input }, at) => {
      // Each part is given what its own schema takes, which is looked at when it is started.
      return ctx.start(part, input, { key: String(first + at) });
    });
    children.push(...(await Promise.all(starts)));
  }
  return children;
}

function refuseIncomplete(runs: readonly Run[]): void {
  const failed = runs.filter(({ status }) => status === 'failed');
  const cancelled = runs.filter(({ status }) => status === 'cancelled');
  const incomplete = failed.length + cancelled.length;
  if (incomplete === 0) return;
  const counts = {
    total: runs.length,
    succeeded: runs.length - incomplete,
    failed: failed.length,
    cancelled: cancelled.length,
  };
  throw new TaskError('CHILD_FAILED', `${incomplete} of ${runs.length} runs did not complete`, {
    details: { ...counts, runs: [...failed, ...cancelled].slice(0, MAX_NAMED).map(({ id }) => id) },
  });
}

function policyOf(what: string, options: GroupOptions): ChildPolicy {
  checkOptions(`${what}'s options`, options, ['children']);
  return checkChildPolicy('children', options.children);
}

/** Workflows of the same parts that differ in this are different tasks. */
function kindOf(kind: string, policy: ChildPolicy): string {
  return policy === 'collect' ? `${kind}-collect` : kind;
}
