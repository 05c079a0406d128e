import type { StoredRun } from '../ports/backend.js';
import type { RunKind } from '../task/run.js';
import type { ResolvedTask } from '../task/task.js';
import type { AdHocFunctions } from './ad-hoc-functions.js';
import type { QueueFilter } from './resolve-work.js';
import type { Slots } from './slots.js';
import type { TaskRegistry } from './task-registry.js';
import { unknownTask } from './unknown-task.js';

/** How imports are handled: what the room that reads them hands down. */
export interface ImportHandling {
  /** Called as a task's handler is. */
  readonly task: ResolvedTask;
  /** Whether their files are at hand, so that imports may begin here. Asked often. */
  readonly mayBegin: () => boolean;
  /** The record of an ended run was removed. */
  readonly onForgotten: (run: StoredRun) => void;
}

/** What {@link WorkHere} is made of. */
export interface WorkHereParts {
  readonly registry: TaskRegistry;
  readonly functions: AdHocFunctions;
  readonly slots: Slots;
  /** Null: nothing is handled here. */
  readonly worksOn: QueueFilter | null;
}

/** What a manager handles: which runs may begin here, and what is called for them. */
export class WorkHere {
  readonly #parts: WorkHereParts;
  #imports: ImportHandling | undefined;

  constructor(parts: WorkHereParts) {
    this.#parts = parts;
  }

  /** @throws {Error} when imports are handled already. */
  handleImports(imports: ImportHandling): void {
    if (this.#imports !== undefined)
      throw new Error('This manager has imports already: call importRuns() once, before its routes are mounted');
    this.#imports = imports;
  }

  /** How many more runs of this kind and task may begin here now; of a task that is not known here, none. */
  freeSlots(kind: RunKind, name: string | null): number {
    const { registry, slots, worksOn } = this.#parts;
    // They can run nowhere else.
    if (name === null) return slots.free(null);
    const task = registry.find(name);
    if (task === undefined || worksOn?.(task.queue) !== true) return 0;
    if (kind === 'run') return slots.free(task);
    return this.#imports?.mayBegin() === true ? slots.freeForImports : 0;
  }

  /** What is called for a run. */
  definitionOf(run: StoredRun): ResolvedTask {
    const known = run.task === null ? this.#parts.functions.find(run.id) : this.taskOf(run);
    return known ?? unknownTask(run);
  }

  /** The task that a run is of, or that imports are handled by; undefined where there is none. */
  taskOf({ kind, task }: StoredRun): ResolvedTask | undefined {
    if (kind === 'import') return this.#imports?.task;
    return task === null ? undefined : this.#parts.registry.find(task);
  }

  /** The record of a run was removed. */
  forget(run: StoredRun): void {
    this.#imports?.onForgotten(run);
  }
}
