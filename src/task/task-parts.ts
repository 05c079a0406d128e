import type { AnyTask } from './task.js';

/** Kept beside the tasks, as their definitions are. */
const partsByTask = new WeakMap<AnyTask, readonly AnyTask[]>();

/** Says which tasks this one starts: whoever registers it registers these, too. Once, when the task is made. */
export function setParts(task: AnyTask, parts: readonly AnyTask[]): void {
  partsByTask.set(task, Object.freeze([...parts]));
}

/** The tasks that this one is made of; none for a task that is no workflow. */
export function partsOf(task: AnyTask): readonly AnyTask[] {
  return partsByTask.get(task) ?? NO_PARTS;
}

const NO_PARTS: readonly AnyTask[] = Object.freeze([]);
