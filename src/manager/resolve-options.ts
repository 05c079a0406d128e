import { memoryBackend } from '../backends/memory/memory-backend.js';
import type { Backend, Retention } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import type { ExecutorSource } from '../ports/executor.js';
import type { FileStore } from '../ports/files.js';
import type { Logger } from '../ports/logger.js';
import { checkDuration, checkInteger, checkLimit, checkOptions, show } from '../task/checks.js';
import { TaskError } from '../task/errors.js';
import type { AnyTask, RunHooks } from '../task/task.js';
import { systemClock } from '../timing/system-clock.js';
import { resolveExecutors } from './executors.js';
import type { ManagerOptions, RetentionOptions } from './manager-options.js';
import { type NamedResource, resolveResources } from './resolve-resources.js';
import { type QueueFilter, resolveWork } from './resolve-work.js';
import { safeLogger } from './safe-logger.js';

/** {@link ManagerOptions} that were checked, with every default filled in. */
export interface ResolvedOptions {
  readonly tasks: readonly AnyTask[];
  readonly backend: Backend;
  /** The queues whose tasks are handled here; null: nothing is handled here. */
  readonly worksOn: QueueFilter | null;
  readonly concurrency: number;
  readonly queueLimit: number;
  readonly graceMs: number;
  readonly maxDepth: number;
  readonly retention: Retention;
  readonly resources: readonly NamedResource[];
  readonly hooks: RunHooks;
  readonly files: FileStore | undefined;
  readonly executors: readonly ExecutorSource[];
  readonly stallMs: number;
  readonly logger: Logger | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

/** How many runs may be below one another. A cancel goes down all of them in one turn. */
const DEFAULT_DEPTH = 16;
const MOST_DEPTH = 100;

const HOUR_MS = 3_600_000;
const DEFAULT_RETENTION: Retention = {
  keepResultMs: HOUR_MS,
  maxFinished: 10_000,
  keepFailedMs: 7 * 24 * HOUR_MS,
  maxFailed: 10_000,
  keepKeyMs: 24 * HOUR_MS,
  maxKeys: 100_000,
};
const KNOWN = [
  'tasks',
  'backend',
  'work',
  'queues',
  'concurrency',
  'queueLimit',
  'graceMs',
  'maxDepth',
  'retention',
  'resources',
  'files',
  'executors',
  'stallMs',
  'logger',
  'clock',
  'random',
  'onSettled',
  'onFailed',
];

/** Enough of them to know one by. */
const BACKEND_METHODS = ['open', 'accept', 'find', 'work', 'settle', 'close'];

const STORE_METHODS = ['belongTo', 'labelled', 'put', 'open', 'remove'];

/** The backends that serve a manager, or did. */
const taken = new WeakSet<Backend>();

/**
 * Takes the backend of these options, if any, for one manager.
 *
 * @throws {TaskError} BACKEND when another manager has it: each would take the other's runs for its own.
 */
export function takeBackend({ backend }: ManagerOptions): void {
  if (backend === undefined) return;
  if (taken.has(backend)) {
    throw new TaskError('BACKEND', 'This backend serves another manager, or did; make a new one for each manager');
  }
  taken.add(backend);
}

/** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or out of range. */
export function resolveOptions(options: ManagerOptions): ResolvedOptions {
  checkOptions("the manager's options", options, KNOWN);
  const { tasks = [], concurrency = 64, queueLimit = 100_000, graceMs = 10_000, onSettled, onFailed } = options;
  if (!Array.isArray(tasks)) throw new TypeError(`tasks must be an array of tasks; got ${show(tasks)}`);
  for (const [what, hook] of Object.entries({ onSettled, onFailed })) {
    if (hook !== undefined && typeof hook !== 'function')
      throw new TypeError(`${what} must be a function; got ${show(hook)}`);
  }
  const { backend = memoryBackend(), files, logger, clock = systemClock, random = Math.random } = options;
  if (!hasMethods(backend, BACKEND_METHODS))
    throw new TypeError(`backend must be a backend, such as memory() gives; got ${show(backend)}`);
  if (files !== undefined && !hasMethods(files, STORE_METHODS))
    throw new TypeError(`files must be a store of files, such as fileFolder() makes; got ${show(files)}`);
  if (logger !== undefined) checkMethods('logger', logger, ['debug', 'info', 'warn', 'error']);
  checkMethods('clock', clock, ['now', 'monotonic', 'after']);
  if (typeof random !== 'function') throw new TypeError(`random must be a function; got ${show(random)}`);
  return {
    tasks,
    backend,
    worksOn: resolveWork(options, backend),
    concurrency: checkLimit('concurrency', concurrency),
    queueLimit: checkLimit('queueLimit', queueLimit),
    graceMs: checkDuration('graceMs', graceMs),
    maxDepth: checkInteger('maxDepth', options.maxDepth ?? DEFAULT_DEPTH, { min: 0, max: MOST_DEPTH }),
    retention: resolveRetention(options.retention),
    resources: resolveResources('resources', options.resources ?? {}),
    hooks: { ...(onSettled && { onSettled }), ...(onFailed && { onFailed }) },
    files,
    executors: resolveExecutors(options.executors),
    stallMs: resolveStall(options.stallMs),
    logger: logger && safeLogger(logger),
    clock,
    random,
  };
}

/** Below that the loop's own work would be told of. */
const LEAST_STALL_MS = 20;
const DEFAULT_STALL_MS = 200;

function resolveStall(stallMs = DEFAULT_STALL_MS): number {
  return stallMs === Infinity ? stallMs : checkDuration('stallMs', stallMs, { min: LEAST_STALL_MS });
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return isObject && methods.every((method) => typeof Reflect.get(value, method) === 'function');
}

function checkMethods(what: string, value: unknown, methods: readonly string[]): void {
  if (hasMethods(value, methods)) return;
  throw new TypeError(`${what} must be an object with the methods ${methods.join(', ')}; got ${show(value)}`);
}

function resolveRetention(options: RetentionOptions = {}): Retention {
  checkOptions('retention', options, Object.keys(DEFAULT_RETENTION));
  const retention = { ...DEFAULT_RETENTION, ...options };
  for (const name of ['keepResultMs', 'keepFailedMs', 'keepKeyMs'] as const)
    checkDuration(`retention.${name}`, retention[name]);
  for (const name of ['maxFinished', 'maxFailed', 'maxKeys'] as const) {
    if (retention[name] !== Infinity) checkInteger(`retention.${name}`, retention[name], { min: 0 });
  }
  return retention;
}
