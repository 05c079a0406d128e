import { checkOptions } from '../task/checks.js';
import type { ChildPolicy } from '../task/child-policy.js';
import type { StandardSchema } from '../task/standard-schema.js';
import {
  type AnyTask,
  defineTask,
  resolveTask,
  type Task,
  type TaskDefinition,
  type TaskHandler,
} from '../task/task.js';
import { partsOf, setParts } from '../task/task-parts.js';
import { nameOf } from './workflow-name.js';

/** What a workflow is made of. */
export interface Shape {
  /** `chain`, `group`, …, and whatever else tells it from others of the same parts: it is the first part of its name. */
  readonly kind: string;
  readonly parts: readonly AnyTask[];
  readonly input: StandardSchema | undefined;
  /** What becomes of the others when one part fails. */
  readonly children: ChildPolicy;
  readonly handler: TaskHandler<unknown, unknown>;
}

/** What {@link defineWorkflow} takes: all that a task may be defined with but what it does and what it takes. */
export type WorkflowDefinition = Omit<
  TaskDefinition<never, never, unknown>,
  'input' | 'handler' | 'children' | 'executor' | 'module'
>;

/** Workflows without a definition of their own, by name: the same parts in the same shape are the same task. */
const known = new Map<string, { readonly parts: readonly AnyTask[]; readonly task: Task<never, unknown> }>();

/** The task of a shape: the same one each time, so that it can be written where it is used. */
export function workflowTask(shape: Shape): Task<never, unknown> {
  const { parts, input, handler, children } = shape;
  const name = nameOf(shape.kind, parts);
  const namesake = known.get(name);
  if (namesake?.parts.every((part, at) => part === parts[at])) return namesake.task;
  const task = define({ name, handler, children, ...(input && { input }) }, parts);
  known.set(name, { parts, task });
  return task;
}

/**
 * Gives a workflow a name, and settings, of its own; without, it is named after its parts and has the defaults of a task.
 *
 * ```ts
 * const onboarding = defineWorkflow({ name: 'onboarding', retry: { maxAttempts: 3 } }, chain(createAccount, sendWelcome));
 * ```
 *
 * Its retry policy tries the whole again: parts that have completed are not run again, the one that failed is.
 *
 * @param definition as for `defineTask`: `name`, `queue`, `priority`, `retry`, `limits`, …
 * @param workflow what `chain`, `group`, `each` or `chord` gave.
 * @throws {TypeError} when `workflow` is a task of another kind. @throws {TypeError|RangeError} as `defineTask`.
 */
export function defineWorkflow<Input, Result>(
  definition: WorkflowDefinition,
  workflow: Task<Input, Result>,
): Task<Input, Result> {
  checkOptions('a workflow', definition, KNOWN);
  const { input, handler, children } = resolveTask(workflow);
  const parts = partsOf(workflow);
  if (parts.length === 0)
    throw new TypeError(`a workflow is what chain(), group(), each() or chord() gives; got the task ${workflow.name}`);
  return define({ ...definition, handler, children, ...(input && { input }) }, parts) as Task<Input, Result>;
}

const KNOWN = ['name', 'queue', 'priority', 'retry', 'limits', 'onCrash', 'maxCrashes', 'onSettled', 'onFailed'];

function define(
  definition: TaskDefinition<unknown, unknown, unknown>,
  parts: readonly AnyTask[],
): Task<never, unknown> {
  const task = defineTask(definition);
  setParts(task, parts);
  return task;
}
