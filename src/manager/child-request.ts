import type { RunParent } from '../ports/new-run.js';
import type { StoredRun } from '../ports/backend.js';
import { checkKey, checkOptions, MAX_PRIORITY } from '../task/checks.js';
import type { AnyTask } from '../task/any-task.js';
import type { ChildOptions } from '../task/child-handle.js';
import { NonRetryableError } from '../task/errors.js';
import type { ResolvedTask } from '../task/task.js';
import { nodeCrypto } from '../timing/node-crypto.js';
import { fingerprint } from './fingerprint.js';
import type { StartOptions } from './manager-options.js';
import type { Start } from './start-request.js';

const KNOWN = ['key', 'priority', 'delayMs', 'expiresInMs', 'tags'];

/** What `ctx.start` was called with. */
export interface ChildCall {
  readonly task: AnyTask;
  readonly input: unknown;
  /** Nobody has looked at them yet. */
  readonly options: unknown;
}

/** Whose child is to be started. */
export interface ChildOf {
  readonly run: StoredRun;
  /** Which item of an import starts it; null for the run itself. */
  readonly itemIndex: number | null;
  readonly maxDepth: number;
}

/** A start of a child that was checked. */
export interface ChildRequest {
  readonly start: Start;
  readonly options: StartOptions;
  /** What the parent's run knows the child by; null without one. */
  readonly key: string | null;
}

/**
 * Checks what a handler asks for.
 *
 * @throws {TypeError|RangeError} when an option is wrong. @throws {TaskError} NON_RETRYABLE when it would be too deep.
 */
export function childRequest(
  { input, options }: ChildCall,
  task: ResolvedTask,
  { run, itemIndex, maxDepth }: ChildOf,
): ChildRequest {
  if (options !== undefined) checkOptions("ctx.start's options", options, KNOWN);
  const { key: said, ...others }: ChildOptions = options ?? {};
  const depth = (run.parent?.depth ?? 0) + 1;
  if (depth > maxDepth) throw tooDeep(task.name, maxDepth);
  const key = said === undefined ? null : scoped(checkKey('key', said), itemIndex);
  const parent: RunParent = { id: run.id, ordinal: run.ordinal, depth, key };
  const { owner } = run;
  return {
    start: { task, name: task.name, input, parent },
    options: {
      priority: Math.min(MAX_PRIORITY, Math.max(task.priority, run.priority + 1)),
      ...others,
      ...(owner !== null && { owner }),
      ...(key !== null && { id: childId(run, key) }),
    },
    key,
  };
}

/** What must be the same for a key to give the same child; of an input that JSON cannot say, the thing itself. */
export function sameChild({ start: { name, input } }: ChildRequest): unknown {
  try {
    return `${String(name)} ${fingerprint(input)}`;
  } catch {
    return input;
  }
}

/** Items of one import know nothing of each other's keys. */
function scoped(key: string, itemIndex: number | null): string {
  return itemIndex === null ? key : `${itemIndex}:${key}`;
}

/** The same in every attempt of the parent; another one where the parent's id is started again. */
function childId({ id, createdAt, ordinal }: StoredRun, key: string): string {
  const digest = nodeCrypto()
    .createHash('sha256')
    .update(JSON.stringify([id, createdAt, ordinal, key]))
    .digest('base64url');
  return `child-${digest}`;
}

function tooDeep(task: string, maxDepth: number): NonRetryableError {
  return new NonRetryableError(
    `A child run of the task ${task} would be more than ${maxDepth} runs below the first: does a task start itself without end? The manager's maxDepth allows no more`,
    { details: { task, maxDepth } },
  );
}
