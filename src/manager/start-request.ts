import { createHash } from 'node:crypto';
import type { IdempotencyClaim, NewRun } from '../ports/backend.js';
import { checkDuration, checkIdempotencyKey, checkName, checkOptions, checkPriority, checkTags, MAX_REASON_LENGTH, show } from '../task/checks.js';
import type { CancelledRequest, CancelRequest, RunKind } from '../task/run.js';
import type { ResolvedTask } from '../task/task.js';
import type { AdHocOptions, IfActive, StartOptions } from './manager-options.js';

const KNOWN = ['id', 'ifActive', 'priority', 'delayMs', 'expiresInMs', 'idempotencyKey', 'tags', 'owner'];
const KNOWN_AD_HOC = ['queue', 'retry', 'softLimitMs', 'hardLimitMs', ...KNOWN.filter((option) => option !== 'id')];
const IF_ACTIVE: readonly unknown[] = ['error', 'return', 'replace'] satisfies readonly IfActive[];
const NO_TAGS: readonly string[] = [];

/** What is to be started. */
export interface Start {
  readonly task: ResolvedTask;
  /** The task's name; null for an ad-hoc function. */
  readonly name: string | null;
  readonly kind?: RunKind;
  readonly input: unknown;
  readonly redriveOf?: string;
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
export function startRequest(start: Start, options: StartOptions | undefined, nextId: () => string): StartRequest {
  const { task, name, kind = 'run', input, redriveOf = null } = start;
  const base = { kind, task: name, queue: task.queue, input, maxAttempts: task.retry.maxAttempts, redriveOf };
  if (options === undefined) return { run: { ...base, ...DEFAULTS, id: nextId(), priority: task.priority }, ifActive: 'error' };
  checkOptions("start's options", options, name === null ? [...KNOWN_AD_HOC, 'id'] : KNOWN);
  const { id, ifActive = 'error', priority = task.priority, delayMs = 0, expiresInMs = null, tags, owner, idempotencyKey } = options;
  if (!IF_ACTIVE.includes(ifActive)) throw new RangeError(`ifActive must be 'error', 'return' or 'replace'; got ${show(ifActive)}`);
  checkDuration('delayMs', delayMs);
  if (expiresInMs !== null) checkDuration('expiresInMs', expiresInMs, { min: 1 });
  if (expiresInMs !== null && expiresInMs <= delayMs) {
    throw new RangeError(`expiresInMs (${expiresInMs}) must be above delayMs (${delayMs}): the run would expire before it is due`);
  }
  const run = {
    ...base,
    id: id === undefined ? nextId() : checkName('id', id),
    priority: checkPriority(priority),
    delayMs,
    expiresInMs,
    tags: tags === undefined ? NO_TAGS : checkTags(tags),
    owner: owner === undefined ? null : checkName('owner', owner),
  };
  const idempotency = idempotencyKey === undefined ? null : claim(checkIdempotencyKey(idempotencyKey), run, id);
  return { run: { ...run, idempotency }, ifActive };
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
  const { reason = null, by = 'caller' } = typeof request === 'string' ? { reason: request } : (request ?? {});
  if (reason !== null) checkText('reason', reason);
  checkText('by', by);
  return { reason, by };
}

function checkText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${what} must be a string; got ${show(value)}`);
  if (value.length > MAX_REASON_LENGTH) throw new RangeError(`${what} must be at most ${MAX_REASON_LENGTH} characters; got ${value.length}`);
}

const DEFAULTS = { delayMs: 0, expiresInMs: null, tags: NO_TAGS, owner: null, idempotency: null } as const;

/** A key stands for everything that a start says; an id that the manager made is not said. */
function claim(key: string, run: Omit<NewRun, 'idempotency'>, id: string | undefined): IdempotencyClaim {
  const { task, input, priority, delayMs, expiresInMs, tags } = run;
  const said = canonicalJson({ task, input, id, priority, delayMs, expiresInMs, tags });
  return { key, fingerprint: createHash('sha256').update(said).digest('base64') };
}

/** The same text for the same value, whatever the order of its members. */
function canonicalJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, member: unknown) => sorted(member));
  } catch (error) {
    throw new TypeError('a start with an idempotencyKey needs an input that can be written as JSON', { cause: error });
  }
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  // Entries keep a member named __proto__ a member.
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
