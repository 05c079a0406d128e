import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type NamedResource, resolveResources } from '../manager/resolve-resources.js';
import { show } from '../task/checks.js';
import type { ResourceDefinitions } from '../task/resources.js';
import { resolveTask, type AnyTask } from '../task/task.js';
import { codeOf, CommandError, failure, messageOf } from './command-error.js';
import { type MakeRoutes, type NamedSchedule, routesOf, schedulesOf } from './module-extras.js';

/** Which tasks to load. */
export interface TaskSources {
  readonly examples: boolean;
  /** Paths of modules, from the folder that the command was started in. */
  readonly taskModules: readonly string[];
}

/** What was loaded: a manager's options. */
export interface LoadedTasks {
  readonly tasks: readonly AnyTask[];
  /** What the tasks share, of all modules in their order. */
  readonly resources: ResourceDefinitions;
}

/** {@link LoadedTasks}, and what only a server has a use for. */
export interface LoadedModules extends LoadedTasks {
  /** What is put whenever the server starts. */
  readonly schedules: readonly NamedSchedule[];
  readonly routes: readonly MakeRoutes[];
}

/** What one module exports. */
interface Exported extends Omit<LoadedModules, 'resources'> {
  readonly resources: readonly NamedResource[];
}

/**
 * The tasks that modules export, and ours if asked for, with what comes with them.
 *
 * @throws {CommandError} 1 when a module cannot be loaded, exports no tasks or something that is not what its name
 * says, or when two tasks, two resources or two schedules have one name.
 */
export async function loadTasks({ examples, taskModules }: TaskSources): Promise<LoadedModules> {
  const modules: Exported[] = [];
  for (const path of taskModules) modules.push(await loadModule(path));
  if (examples) modules.push(await loadExamples());
  const tasks = [...new Set(modules.flatMap((module) => module.tasks))];
  refuseTwins('tasks', tasks, ({ name }) => name);
  const resources = unique(modules.flatMap((module) => module.resources));
  refuseTwins('resources', resources, ([name]) => name);
  const schedules = unique(modules.flatMap((module) => module.schedules));
  refuseTwins('schedules', schedules, ([id]) => id);
  const routes = modules.flatMap((module) => module.routes);
  return { tasks, resources: Object.fromEntries(resources), schedules, routes };
}

function refuseTwins<T>(what: string, all: readonly T[], nameOf: (each: T) => string): void {
  const names = new Set<string>();
  for (const name of all.map(nameOf)) {
    if (names.has(name)) throw new CommandError(1, `there are two ${what} named ${show(name)}`);
    names.add(name);
  }
}

/** Modules may pass on what another one exports. */
function unique<T extends readonly [name: string, definition: unknown]>(all: readonly T[]): readonly T[] {
  return all.filter(
    ([name, definition], at) => all.findIndex((other) => other[0] === name && other[1] === definition) === at,
  );
}

async function loadExamples(): Promise<Exported> {
  try {
    return exportedBy('the examples', await import('../examples/tasks.js'));
  } catch (error) {
    if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw failure('the examples are not in the package: start them from a clone of the repository', error);
  }
}

async function loadModule(path: string): Promise<Exported> {
  const what = `--tasks ${path}`;
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new CommandError(1, `${what}: there is no such file`);
  if (!found.isFile()) throw new CommandError(1, `${what}: this is no file; name the module itself`);
  return exportedBy(what, await importFile(what, file));
}

async function importFile(what: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw failure(`${what}: the module could not be loaded: ${messageOf(error)}`, error);
  }
}

function exportedBy(what: string, module: Readonly<Record<string, unknown>>): Exported {
  // Tasks may be called so.
  const extra = (name: string): unknown => (isTask(module[name]) ? undefined : module[name]);
  return {
    resources: resourcesOf(what, extra('resources')),
    schedules: schedulesOf(what, extra('schedules')),
    routes: routesOf(what, extra('routes')),
    tasks: tasksOf(what, module),
  };
}

function resourcesOf(what: string, exported: unknown): readonly NamedResource[] {
  if (exported === undefined) return [];
  try {
    return resolveResources('the export resources', exported);
  } catch (error) {
    throw failure(`${what}: ${messageOf(error)}`, error);
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
