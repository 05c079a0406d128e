import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { show } from '../task/checks.js';
import { resolveTask, type AnyTask } from '../task/task.js';
import { codeOf, CommandError, failure, messageOf } from './command-error.js';

/** Which tasks to load. */
export interface TaskSources {
  readonly examples: boolean;
  /** Paths of modules, from the folder that the command was started in. */
  readonly taskModules: readonly string[];
}

/**
 * The tasks that modules export, and ours if asked for.
 *
 * @throws {CommandError} 1 when a module cannot be loaded or exports no tasks, or when two tasks have one name.
 */
export async function loadTasks({ examples, taskModules }: TaskSources): Promise<readonly AnyTask[]> {
  const tasks = new Set<AnyTask>();
  for (const path of taskModules) for (const task of await loadModule(path)) tasks.add(task);
  if (examples) for (const task of await loadExamples()) tasks.add(task);
  const names = new Set<string>();
  for (const { name } of tasks) {
    if (names.has(name)) throw new CommandError(1, `there are two tasks named ${show(name)}`);
    names.add(name);
  }
  return [...tasks];
}

async function loadExamples(): Promise<readonly AnyTask[]> {
  try {
    return tasksOf('the examples', await import('../examples/tasks.js'));
  } catch (error) {
    if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw failure('the examples are not in the package: start them from a clone of the repository', error);
  }
}

async function loadModule(path: string): Promise<readonly AnyTask[]> {
  const what = `--tasks ${path}`;
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new CommandError(1, `${what}: there is no such file`);
  if (!found.isFile()) throw new CommandError(1, `${what}: this is no file; name the module itself`);
  return tasksOf(what, await importFile(what, file));
}

async function importFile(what: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw failure(`${what}: the module could not be loaded: ${messageOf(error)}`, error);
  }
}

/** Every exported task, and those of an exported array `tasks`. */
function tasksOf(what: string, module: Readonly<Record<string, unknown>>): readonly AnyTask[] {
  const { tasks: listed = [], ...others } = module;
  const tasks = [...listOf(what, listed), ...Object.values(others).filter(isTask)];
  if (tasks.length > 0) return tasks;
  const twin = Object.values(others).some(looksLikeTask) ? TWIN : '';
  throw new CommandError(
    1,
    `${what}: no tasks are exported: export what defineTask() returns, or an array tasks${twin}`,
  );
}

/** What makes a task of another copy of the package a stranger. */
const TWIN =
  '. What is exported comes from another copy of errand: run the errand of the same project, as npx errand does';

function listOf(what: string, listed: unknown): readonly AnyTask[] {
  if (isTask(listed)) return [listed]; // a task may be called so
  if (!Array.isArray(listed)) {
    throw new CommandError(1, `${what}: the export tasks must be an array of tasks; got ${show(listed)}`);
  }
  return listed.map((each: unknown, index) => {
    if (isTask(each)) return each;
    const twin = looksLikeTask(each) ? TWIN : '';
    throw new CommandError(1, `${what}: tasks[${index}] was not made by defineTask(); got ${show(each)}${twin}`);
  });
}

function isTask(value: unknown): value is AnyTask {
  try {
    resolveTask(value as AnyTask); // looks at anything, and refuses what is no task
    return true;
  } catch {
    return false;
  }
}

function looksLikeTask(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.isFrozen(value) && Object.keys(value).join() === 'name';
}
