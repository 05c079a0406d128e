import type { Checkpoint } from '../ports/checkpoint.js';
import type { IdempotencyClaim, NewRun, RunParent } from '../ports/new-run.js';
import {
  checkDuration,
  checkIdempotencyKey,
  checkName,
  checkOptions,
  checkPriority,
  checkTags,
  MAX_REASON_LENGTH,
  show,
} from '../task/checks.js';
import type { CancelledRequest, CancelRequest, RunKind } from '../task/run.js';
import type { ResolvedTask } from '../task/task.js';
import { fingerprint } from './fingerprint.js';
import type { AdHocOptions, IfActive, StartOptions } from './manager-options.js';
import type { RunIds } from './run-id.js';

const KNOWN_EVERYWHERE = [
  'ifActive',
  'priority',
  'delayMs',
  'expiresInMs',
  'hardLimitMs',
  'idempotencyKey',
  'tags',
  'owner',
];
const KNOWN = ['id', ...KNOWN_EVERYWHERE];
const KNOWN_AD_HOC = ['queue', 'retry', 'softLimitMs', ...KNOWN_EVERYWHERE];
const KNOWN_AD_HOC_WITH_ID = [...KNOWN_AD_HOC, 'id'];
const IF_ACTIVE: readonly unknown[] = ['error', 'return', 'replace'] satisfies readonly IfActive[];
const NO_TAGS: readonly string[] = Object.freeze([]);

/** What is to be started. */
export interface Start {
  readonly task: ResolvedTask;
  /** The task's name; null for an ad-hoc function. */
  readonly name: string | null;
  readonly kind?: RunKind;
  readonly input: unknown;
  /** What stands for the input under an idempotency key, where the input itself differs each time. */
  readonly sameInput?: unknown;
  readonly redriveOf?: string | null;
  /** It was promised before the manager was closed: see `OwedWork`. */
  readonly owed?: boolean;
  readonly parent?: RunParent;
  /** Where the first attempt begins, for a handler that knows checkpoints. */
  readonly checkpoint?: Checkpoint;
}

/** A start that was checked: the run to be accepted, and what becomes of it where its id is active. */
export interface StartRequest {
  readonly run: NewRun;
  readonly ifActive: IfActive;
}

/**
 * Checks the options of a start.
 *
 * @throws {TypeError|RangeError} when one is unknown, of the wrong type or out of range.
 */
export function startRequest(start: Start, options: StartOptions | undefined, ids: RunIds): StartRequest {
  if (options === undefined) return { run: newRun(start, ids.next(), AS_THE_TASK_SAYS), ifActive: 'error' };
  checkOptions("start's options", options, start.name === null ? KNOWN_AD_HOC_WITH_ID : KNOWN);
  const {
    id,
    ifActive = 'error',
    priority,
    delayMs = 0,
    expiresInMs = null,
    hardLimitMs,
    tags,
    owner,
    idempotencyKey,
  } = options;
  if (!IF_ACTIVE.includes(ifActive))
    throw new RangeError(`ifActive must be 'error', 'return' or 'replace'; got ${show(ifActive)}`);
  checkTimes(delayMs, expiresInMs);
  const said: Said = {
    id: id === undefined ? undefined : checkName('id', id),
    priority: priority === undefined ? start.task.priority : checkPriority(priority),
    delayMs,
    expiresInMs,
    // An ad-hoc function's is among the limits of what stands for its task.
    hardLimitMs:
      hardLimitMs === undefined || start.name === null ? null : checkDuration('hardLimitMs', hardLimitMs, { min: 1 }),
    tags: tags === undefined ? NO_TAGS : checkTags(tags),
    owner: owner === undefined ? null : checkName('owner', owner),
    idempotencyKey: idempotencyKey === undefined ? undefined : checkIdempotencyKey(idempotencyKey),
  };
  return { run: newRun(start, said.id ?? ids.next(), said), ifActive };
}

/** The options of a start, checked. */
interface Said {
  readonly id: string | undefined;
  /** The task's where it is undefined. */
  readonly priority: number | undefined;
  readonly delayMs: number;
  readonly expiresInMs: number | null;
  readonly hardLimitMs: number | null;
  readonly tags: readonly string[];
  readonly owner: string | null;
  readonly idempotencyKey: string | undefined;
}

const AS_THE_TASK_SAYS: Said = {
  id: undefined,
  priority: undefined,
  delayMs: 0,
  expiresInMs: null,
  hardLimitMs: null,
  tags: NO_TAGS,
  owner: null,
  idempotencyKey: undefined,
};

/** Written out, once: spreading objects would cost as much as all the rest of a start. */
function newRun(start: Start, id: string, said: Said): NewRun {
  const { task, name, kind = 'run', input, redriveOf = null, checkpoint = null } = start;
  const { parent = null } = start;
  return {
    id,
    idIsNew: said.id === undefined,
    kind,
    task: name,
    queue: task.queue,
    input,
    priority: said.priority ?? task.priority,
    maxAttempts: task.retry.maxAttempts,
    onCrash: task.crash.onCrash,
    maxCrashes: task.crash.maxCrashes,
    delayMs: said.delayMs,
    expiresInMs: said.expiresInMs,
    tags: said.tags,
    owner: said.owner,
    idempotency: said.idempotencyKey === undefined ? null : claim(said.idempotencyKey, start, said),
    redriveOf,
    parent,
    hardLimitMs: said.hardLimitMs,
    checkpoint,
  };
}

function checkTimes(delayMs: number, expiresInMs: number | null): void {
  checkDuration('delayMs', delayMs);
  if (expiresInMs === null) return;
  checkDuration('expiresInMs', expiresInMs, { min: 1 });
  if (expiresInMs <= delayMs) {
    throw new RangeError(
      `expiresInMs (${expiresInMs}) must be above delayMs (${delayMs}): the run would expire before it is due`,
    );
  }
}

/** @throws {TypeError|RangeError} when an option is malformed; `id` is no option of an ad-hoc start. */
export function checkAdHocOptions(options: AdHocOptions | undefined): void {
  if (options !== undefined) checkOptions("start's options", options, KNOWN_AD_HOC);
}

/**
 * Checks who cancels and why.
 *
 * @throws {TypeError} when the reason is no text; @throws {RangeError} when it is longer than 500 characters.
 */
export function cancelRequest(request: string | CancelRequest | undefined): CancelledRequest {
  const asked: CancelRequest = typeof request === 'string' ? { reason: request } : (request ?? {});
  checkOptions("cancel's request", asked, ['reason', 'by']);
  const { reason = null, by = 'caller' } = asked;
  if (reason !== null) checkText('reason', reason);
  checkText('by', by);
  return { reason, by };
}

function checkText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${what} must be a string; got ${show(value)}`);
  if (value.length > MAX_REASON_LENGTH)
    throw new RangeError(`${what} must be at most ${MAX_REASON_LENGTH} characters; got ${value.length}`);
}

/** A key stands for everything that a start says; an id that the manager made is not said. */
function claim(key: string, start: Start, said: Said): IdempotencyClaim {
  const { id, priority, delayMs, expiresInMs, tags } = said;
  const { name: task, kind, sameInput: input = start.input } = start;
  const settings = task === null ? saidOfFunction(start.task) : undefined;
  const hardLimitMs = said.hardLimitMs ?? undefined;
  const said_ = { id, priority, delayMs, expiresInMs, hardLimitMs, tags };
  return { key, fingerprint: fingerprint({ task, kind, input, ...said_, settings }) };
}

/** What a start says of an ad-hoc function; of a task its definition says it. Two functions cannot be told apart. */
function saidOfFunction({ queue, retry, limits }: ResolvedTask): object {
  const { maxAttempts, initialDelayMs, factor, maxDelayMs, jitter } = retry;
  return { queue, retry: [maxAttempts, initialDelayMs, factor, maxDelayMs, jitter].join(), limits };
}
