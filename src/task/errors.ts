/**
 * Every code that a {@link TaskError} can carry. Test `error.code`, never the class: identity breaks across realms,
 * threads and copies of this package.
 */
export const ERROR_CODES = [
  'TASK_UNKNOWN',
  'INPUT_INVALID',
  'RUN_NOT_FOUND',
  'RUN_CONFLICT',
  'RUN_CANCELLED',
  'RUN_INTERRUPTED',
  'QUEUE_EXPIRED',
  'TIME_LIMIT',
  'HANDLER_FAILED',
  'CHILD_FAILED',
  'EXECUTOR_LOST',
  'CRASHED',
  'RESULT_INVALID',
  'KEY_REUSED',
  'QUEUE_FULL',
  'RATE_LIMITED',
  'NON_RETRYABLE',
  'RETRY_LATER',
  'LEASE_LOST',
  'BACKEND',
  'RESOURCE_FAILED',
  'MANAGER_CLOSED',
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What a {@link TaskError} may be given beside its code and message. */
export interface TaskErrorOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** Facts for programs: JSON values only, never a secret, never a path. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Marks our errors across copies of this package, where `instanceof` says no. */
const BRAND = Symbol.for('errand.TaskError');

/** Marks errors that say what is to follow: made to be thrown, not telling of how something else ended. */
const STEERS = Symbol.for('errand.steers');
/** Marks errors that tell how a run ended: whoever passes one on has not ended that way. */
const TELLS = Symbol.for('errand.tells');

/** The one error class that Errand throws for what goes wrong at run time. Its message is fit to be shown to callers. */
export class TaskError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: TaskErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'TaskError';
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Why a run's signal aborted: somebody cancelled it. The `reason` of `ctx.signal`. Code `RUN_CANCELLED`. */
export class CancelledError extends TaskError {
  /** Who asked, for example `'caller'`, `'http'`, `'shutdown'`, or a name that was given to `cancel`. */
  readonly by: string;
  /** What was given as the reason, or null. */
  readonly reason: string | null;

  constructor(request: { readonly by: string; readonly reason: string | null }) {
    super(
      'RUN_CANCELLED',
      `The run was cancelled by ${request.by}${request.reason === null ? '' : `: ${request.reason}`}`,
      {
        details: { by: request.by, reason: request.reason },
      },
    );
    this.name = 'CancelledError';
    this.by = request.by;
    this.reason = request.reason;
  }
}

/** A soft or hard limit of an attempt ran out. Code `TIME_LIMIT`. */
export class TimeLimitError extends TaskError {
  /** Which of the two limits. */
  readonly limit: 'soft' | 'hard';
  /** The limit, in milliseconds from the start of the attempt. */
  readonly limitMs: number;

  constructor(limit: 'soft' | 'hard', limitMs: number, options: { readonly cause?: unknown } = {}) {
    super('TIME_LIMIT', `The attempt passed its ${limit} limit of ${limitMs} ms`, {
      ...options,
      details: { limit, limitMs },
    });
    this.name = 'TimeLimitError';
    this.limit = limit;
    this.limitMs = limitMs;
  }
}

/** Thrown by a handler: this run fails now, whatever its retry policy says. Code `NON_RETRYABLE`. */
export class NonRetryableError extends TaskError {
  constructor(message: string, options: TaskErrorOptions = {}) {
    super('NON_RETRYABLE', message, options);
    this.name = 'NonRetryableError';
    steering(this);
  }
}

/**
 * Thrown by a handler: try again after `delayMs`, and do not count this attempt. At most `maxDelays` (100) times in a
 * run; from then on it is an ordinary failed attempt. Code `RETRY_LATER`.
 */
export class RetryLaterError extends TaskError {
  /** How long to wait, in milliseconds: 0 to ten years. */
  readonly delayMs: number;

  /** @throws {RangeError} when `delayMs` is not a number of milliseconds from 0 to ten years. */
  constructor(delayMs: number, message = 'The handler asked to be tried again later', options: TaskErrorOptions = {}) {
    if (!(Number.isFinite(delayMs) && delayMs >= 0 && delayMs <= MAX_DURATION_MS)) {
      throw new RangeError(
        `delayMs must be a number of milliseconds from 0 to ${MAX_DURATION_MS} (ten years); got ${String(delayMs)}`,
      );
    }
    super('RETRY_LATER', message, { ...options, details: { ...options.details, delayMs } });
    this.name = 'RetryLaterError';
    this.delayMs = delayMs;
    steering(this);
  }
}

/**
 * A start whose run may or may not have been accepted, like a request that is not answered. Code `BACKEND`; `details`
 * are the `runId` and `accepted: 'unknown'`.
 */
export function unconfirmedStart(runId: string, cause: unknown): TaskError {
  return new TaskError(
    'BACKEND',
    `Run ${runId} is written, but not confirmed by the disk: it may begin later, or be lost. Look for it by its id, or start it again with the same idempotency key`,
    { cause, details: { runId, accepted: 'unknown' } },
  );
}

/** The id of the run that may have been accepted although its start has thrown this; undefined where it was not. */
export function unconfirmedRunOf(error: unknown): string | undefined {
  if (!isTaskError(error) || error.details['accepted'] !== 'unknown') return undefined;
  const { runId } = error.details;
  return typeof runId === 'string' ? runId : undefined;
}

/** Ten years: the longest duration that any option takes, in milliseconds. */
export const MAX_DURATION_MS = 315_576_000_000;

/** Whether `value` is a {@link TaskError} of any copy of this package. Never throws, whatever `value` is. */
export function isTaskError(value: unknown): value is TaskError {
  return isMarked(value, BRAND);
}

/** The code of a {@link TaskError}; undefined for everything else. Never throws. */
export function codeOf(value: unknown): ErrorCode | undefined {
  if (!isTaskError(value)) return undefined;
  try {
    const code: unknown = Reflect.get(value, 'code');
    return ERROR_CODES.find((known) => known === code);
  } catch {
    return undefined; // branded, but no error of ours: its getter throws
  }
}

/** Whether `value` is a {@link TaskError} with this code. Never throws. */
export function hasCode(value: unknown, code: ErrorCode): value is TaskError {
  return codeOf(value) === code;
}

/**
 * Lets an error's code decide what follows the attempt that throws it. A `NonRetryableError` and a `RetryLaterError`
 * do so by themselves; an error of the same code that tells of another run does not.
 */
export function steering<E extends TaskError>(error: E): E {
  return Object.defineProperty(error, STEERS, { value: true });
}

/** The code of an error that decides what follows its attempt; undefined for everything else. Never throws. */
export function steeringCodeOf(value: unknown): ErrorCode | undefined {
  return isMarked(value, STEERS) ? codeOf(value) : undefined;
}

/** Says of an error that it tells how a run ended. */
export function telling<E extends TaskError>(error: E): E {
  return Object.defineProperty(error, TELLS, { value: true });
}

/** Whether this is what `result()` of some run rejected with. Never throws. */
export function tellsOfRun(value: unknown): boolean {
  return isMarked(value, TELLS);
}

function isMarked(value: unknown, mark: symbol): boolean {
  try {
    return typeof value === 'object' && value !== null && Reflect.get(value, mark) === true;
  } catch {
    return false; // a proxy or a getter that throws is no error of ours
  }
}
