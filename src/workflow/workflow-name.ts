import type { AnyTask } from '../task/task.js';
import { nodeCrypto } from '../timing/node-crypto.js';

/** How long the name of a task may be. */
const MAX_NAME = 128;

/**
 * A name made of the parts' names, the same in every process that has them. How many there are is in it, so that nested
 * workflows of the same tasks in other shapes are called otherwise. Long ones end in a digest.
 */
export function nameOf(kind: string, parts: readonly AnyTask[]): string {
  const name = [`${kind}${parts.length}`, ...parts.map((part) => part.name)].join(':');
  if (name.length <= MAX_NAME) return name;
  const digest = nodeCrypto().createHash('sha256').update(name).digest('base64url').slice(0, 22);
  return `${name.slice(0, MAX_NAME - digest.length - 1)}:${digest}`;
}
