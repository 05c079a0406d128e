import { resolveTask, type AnyTask } from '../task/task.js';

/**
 * Checks what a workflow is to be made of.
 *
 * @throws {TypeError} when there is no part, or one was not made by `defineTask`.
 */
export function checkParts(kind: string, parts: readonly AnyTask[]): readonly [AnyTask, ...AnyTask[]] {
  const [first, ...others] = parts;
  if (first === undefined) throw new TypeError(`a ${kind} must have at least one task`);
  for (const part of parts) resolveTask(part);
  return [first, ...others];
}
